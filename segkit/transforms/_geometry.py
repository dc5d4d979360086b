"""Resizing and cutting a sample: image and truth in one step."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.ops.targets import change_maps
from segkit.types import Sample, Size, Target


def resized(sample: Sample, size: Size) -> Sample:
    """The sample in `size`: the image by antialiased bilinear interpolation, the truth by nearest neighbour."""
    if size == sample.size:
        return sample
    target = sample.target
    if target is not None:
        rows, columns = _nearest(target.size[0], size[0]), _nearest(target.size[1], size[1])
        target = _moved(target, lambda values: torch.from_numpy(values.numpy().take(columns, -1).take(rows, -2)))
    return replace(sample, image=_interpolated(sample.image, size), target=target)


def cropped(sample: Sample, top: int, left: int, size: Size) -> Sample:
    """The part of the sample of `size` whose first pixel is (top, left)."""
    if size == sample.size:
        return sample
    window = (..., slice(top, top + size[0]), slice(left, left + size[1]))
    target = sample.target
    if target is not None:
        target = _moved(target, lambda values: values[window].clone())
    return replace(sample, image=sample.image[window].clone(), target=target)


def flipped(sample: Sample) -> Sample:
    """The sample with left and right exchanged."""
    target = sample.target
    if target is not None:
        target = replace(_moved(target, lambda values: values.flip(-1)), areas=target.areas)
    return replace(sample, image=sample.image.flip(-1), target=target)


def _interpolated(image: Tensor, size: Size) -> Tensor:
    """(3,H,W) uint8 of that size."""
    from torchvision.transforms.v2 import functional as F  # slow to import, and not needed to check a config

    narrow = size[1] == 1  # torch's uint8 kernel fails, or gives wrong values, where the result is one pixel wide
    source = image.float() if narrow else image
    resized: Tensor = F.resize(source, list(size), F.InterpolationMode.BILINEAR, antialias=True)
    return resized.round().to(torch.uint8) if narrow else resized


def _nearest(old: int, new: int) -> NDArray[np.int64]:
    """(new,): for each new pixel the old one that holds its centre, as bilinear interpolation aligns them.

    For numpy's `take`, which on maps is several times as quick as torch's index_select.
    """
    return (2 * np.arange(new, dtype=np.int64) + 1) * old // (2 * new)


def _moved(target: Target, move: Callable[[Tensor], Tensor]) -> Target:
    """The target with `move` done to each of its maps; the annotation's own areas no longer hold."""
    return replace(change_maps(target, move), areas=None)
