"""Resizing, cropping and flipping of a sample: image and target in one step."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.ops.images import resize_image
from segkit.ops.targets import change_maps
from segkit.types import Sample, Size, Target


def resize_sample(sample: Sample, size: Size) -> Sample:
    """Resizes the image by antialiased bilinear interpolation and the target by nearest neighbor."""
    if size == sample.size:
        return sample
    target = sample.target
    if target is not None:
        rows, columns = _nearest(target.size[0], size[0]), _nearest(target.size[1], size[1])
        # numpy's `take` on maps is several times as fast as torch's index_select.
        target = _moved(target, lambda values: torch.from_numpy(values.numpy().take(columns, -1).take(rows, -2)))
    content = sample.content
    if content is not None:
        content = (_scaled(content[0], sample.size[0], size[0]), _scaled(content[1], sample.size[1], size[1]))
    return replace(sample, image=resize_image(sample.image, size), target=target, content=content)


def crop_sample(sample: Sample, top: int, left: int, size: Size) -> Sample:
    """Cuts out the window of `size` whose first pixel is (top, left)."""
    if size == sample.size:
        return sample
    window = (..., slice(top, top + size[0]), slice(left, left + size[1]))
    target = sample.target
    if target is not None:
        # A view would keep the whole map in memory.
        target = _moved(target, lambda values: values[window].clone())
    return replace(sample, image=sample.image[window].clone(), target=target)


def flip_sample(sample: Sample) -> Sample:
    """Exchanges left and right."""
    target = sample.target
    if target is not None:
        target = replace(_moved(target, lambda values: values.flip(-1)), areas=target.areas)
    return replace(sample, image=sample.image.flip(-1), target=target)


def _scaled(part: int, old: int, new: int) -> int:
    """Returns the pixels of a part of a side after that side is resized, at least one."""
    return max(1, round(part * new / old))


def _nearest(old: int, new: int) -> NDArray[np.int64]:
    """Returns for each of `new` pixels the index (new,) of the old pixel that holds its center.

    Bilinear interpolation aligns pixel centers in the same way, so borders in image and target stay together.
    """
    return (2 * np.arange(new, dtype=np.int64) + 1) * old // (2 * new)


def _moved(target: Target, move: Callable[[Tensor], Tensor]) -> Target:
    """Applies `move` to the maps and removes the annotation's areas, which no longer hold."""
    return replace(change_maps(target, move), areas=None)
