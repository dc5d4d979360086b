"""Which classes the images of a dataset have, and how often: what repeat factors and class weights follow from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from segkit.data.read_sample import read_sample
from segkit.data.survey import BadImage
from segkit.data.tally import Tally
from segkit.data.workers import TIMEOUT, WorkerBatches, in_batches
from segkit.errors import DataError
from segkit.ops.targets import pixel_counts
from segkit.registries import Dataset

_IMAGES_AT_A_TIME = 8
"""Images that a worker process reads before it sends what it found."""


@dataclass
class ClassScan:
    """What was read of the images of a dataset."""

    tally: Tally
    """Of all images that could be read."""
    classes: dict[int, list[int]] = field(default_factory=dict)
    """By the index of an image: class indices of its segments with pixels, each once, ascending; crowds excluded."""
    bad: list[BadImage] = field(default_factory=list)

    def add(self, other: ClassScan) -> None:
        """Adds what was read of other images."""
        self.tally.add_tally(other.tally)
        self.classes |= other.classes
        self.bad += other.bad


def scan_classes(
    dataset: Dataset,
    indices: Sequence[int],
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
    *,
    section: str = "data",
    timeout: float = TIMEOUT,
) -> ClassScan:
    """Reads images and targets, and notes those that cannot be read.

    Args:
        dataset: Any dataset.
        indices: Of the images.
        workers: Processes that read; 0 reads in this one.
        progress: Called with the number of images that were read since the last call.
        section: Of the config, such as `data.train`, for messages.
        timeout: Seconds to wait for a worker.

    Raises:
        DataError: A worker hangs or has ended.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> scan = scan_classes(Shapes(length=9), [0, 8])
        >>> scan.classes, scan.tally.segments.tolist()
        ({0: [0, 3, 5, 6], 8: [0, 1, 4, 6]}, [2, 1, 0, 1, 1, 1, 6, 0])
    """
    batches = in_batches(indices, _IMAGES_AT_A_TIME)
    scan = ClassScan(Tally(len(dataset.classes)))
    used = workers if batches else 0
    parts = WorkerBatches(_Look(dataset), _joined, batches, used, index_of=int, section=section, timeout=timeout)
    # A dataset that draws random numbers by itself must not change those of the training.
    with torch.random.fork_rng(devices=[]):
        for part in parts:
            scan.add(part)
            if progress is not None:
                progress(part.tally.images + len(part.bad))
    return scan


class _Look:
    """Looks at one image, in a worker process."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __call__(self, index: int) -> ClassScan:
        found = ClassScan(Tally(len(self._dataset.classes)))
        try:
            target = found.tally.add_sample(read_sample(self._dataset, index))
        except DataError as error:
            found.bad.append(BadImage.of(index, error))
            return found
        shown = pixel_counts(target) > 0
        if target.is_crowd is not None:
            shown &= ~target.is_crowd
        found.classes[index] = sorted(set(target.labels[shown].tolist()))
        return found


def _joined(parts: list[ClassScan]) -> ClassScan:
    for other in parts[1:]:
        parts[0].add(other)
    return parts[0]
