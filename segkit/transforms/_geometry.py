"""Resizing and cutting a sample: picture and truth in one step."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from segkit.types import Sample, Size, Target


def resized(sample: Sample, size: Size) -> Sample:
    """The sample in `size`: the picture by antialiased bilinear interpolation, the truth by nearest neighbour."""
    if size == sample.size:
        return sample
    target = sample.target
    if target is not None:
        rows, columns = _nearest(target.size[0], size[0]), _nearest(target.size[1], size[1])
        target = _moved(target, lambda values: values.index_select(-2, rows).index_select(-1, columns))
    return replace(sample, picture=_interpolated(sample.picture, size), target=target)


def cropped(sample: Sample, top: int, left: int, size: Size) -> Sample:
    """The part of the sample of `size` whose first pixel is (top, left)."""
    if size == sample.size:
        return sample
    window = (..., slice(top, top + size[0]), slice(left, left + size[1]))
    target = sample.target
    if target is not None:
        target = _moved(target, lambda values: values[window].contiguous())
    return replace(sample, picture=sample.picture[window].contiguous(), target=target)


def flipped(sample: Sample) -> Sample:
    """The sample with left and right exchanged."""
    target = sample.target
    if target is not None:
        target = replace(_moved(target, lambda values: values.flip(-1)), areas=target.areas)
    return replace(sample, picture=sample.picture.flip(-1), target=target)


def _interpolated(picture: Tensor, size: Size) -> Tensor:
    """(3,H,W) uint8 of that size."""
    from torchvision.transforms.v2 import functional as F  # slow to import, and not needed to check a config

    narrow = size[1] == 1  # torch's uint8 kernel fails, or gives wrong values, where the result is one pixel wide
    source = picture.float() if narrow else picture
    resized: Tensor = F.resize(source, list(size), F.InterpolationMode.BILINEAR, antialias=True)
    return resized.round().to(torch.uint8) if narrow else resized


def _nearest(old: int, new: int) -> Tensor:
    """(new,) int64: for each new pixel the old one that holds its centre, as bilinear interpolation aligns them."""
    return (2 * torch.arange(new) + 1) * old // (2 * new)


def _moved(target: Target, move: Callable[[Tensor], Tensor]) -> Target:
    """The target with `move` done to each of its maps; the annotation's own areas no longer hold."""
    return replace(
        target,
        segment_map=None if target.segment_map is None else move(target.segment_map),
        overlapping_masks=None if target.overlapping_masks is None else move(target.overlapping_masks),
        valid=None if target.valid is None else move(target.valid),
        areas=None,
    )
