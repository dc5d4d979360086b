"""A look at what the transforms of a training leave of its images, before the first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle, islice

import torch

from segkit.data.in_time import in_time
from segkit.data.read_sample import read_sample
from segkit.data.sampling import MOST_MEGAPIXELS, percent
from segkit.data.tally import Tally
from segkit.data.transformed import transformed
from segkit.errors import DataError
from segkit.ops.targets import prepare_for_training
from segkit.registries import Dataset, Transform
from segkit.types import Sample

LOOKED_AT = 32
"""Images that are transformed. Those of a smaller dataset are transformed several times."""


def transformed_tally(
    dataset: Dataset,
    indices: Sequence[int],
    transforms: Sequence[Transform],
    timeout: float | None = None,
    on_sample: Callable[[Sample], None] | None = None,
) -> Tally:
    """Counts the targets of some images after the transforms, fewer if they are large.

    Args:
        dataset: Any dataset.
        indices: Its images that can be read.
        transforms: Those of `data.train`.
        timeout: Seconds to wait for an image; None waits without end.
        on_sample: Called with each transformed image.

    Raises:
        DataError: An image is not loaded and transformed in time.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> transformed_tally(Shapes(length=3), [0, 1, 2], []).images
        32
    """
    tally, pixels = Tally(len(dataset.classes)), 0
    # Neither the transforms nor a dataset that draws random numbers may change those of the training.
    with torch.random.fork_rng(devices=[]):
        for index in islice(cycle(indices), LOOKED_AT):
            if pixels >= MOST_MEGAPIXELS * 1e6:
                break
            pixels += in_time(partial(_add, tally, dataset, transforms, on_sample), index, "data.train", timeout)
    return tally


def _add(
    tally: Tally,
    dataset: Dataset,
    transforms: Sequence[Transform],
    on_sample: Callable[[Sample], None] | None,
    index: int,
) -> int:
    """Counts a transformed image; returns how many pixels it had before."""
    pixels = 0
    try:
        sample = read_sample(dataset, index)
        pixels = sample.size[0] * sample.size[1]
        sample = transformed(sample, transforms)
        assert sample.target is not None, "a transform keeps the target"
        tally.add(prepare_for_training(sample.target))
        if on_sample is not None:
            on_sample(sample)
    except DataError:
        pass  # the training tells of it, by its rule for bad samples
    return pixels


def emptied_by_transforms(transformed: Tally, sampled: Tally) -> str:
    """Returns a warning if transforms leave most images without a segment, else an empty text.

    Args:
        transformed: Counts after the transforms.
        sampled: Counts before them.

    Example:
        >>> emptied_by_transforms(Tally(2), Tally(2))
        ''
    """
    if transformed.images < LOOKED_AT:
        return ""
    after = transformed.images_without_segments / transformed.images
    before = sampled.images_without_segments / max(1, sampled.images)
    if after <= 0.5 or before > 0.5 * after:
        return ""
    return (
        f"data.train: {percent(after)} of the images have no segment after the transforms, but only {percent(before)} "
        "before them. Use larger crops, or less scaling."
    )
