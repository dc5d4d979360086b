"""Resizing and cutting a sample: picture and truth in one step."""

from dataclasses import replace

import torch
import torchvision.transforms.v2.functional as F
from torch import Tensor

from segkit.types import Sample, Size, Target


def resized(sample: Sample, size: Size) -> Sample:
    """The sample in `size`: the picture by antialiased bilinear interpolation, the truth by nearest neighbour."""
    if size == sample.size:
        return sample
    target = sample.target
    if target is not None:
        rows, columns = _nearest(target.size[0], size[0]), _nearest(target.size[1], size[1])
        target = _indexed(target, lambda values: values.index_select(-2, rows).index_select(-1, columns))
    picture = F.resize(sample.picture, list(size), F.InterpolationMode.BILINEAR, antialias=True)
    return replace(sample, picture=picture, target=target)


def cropped(sample: Sample, top: int, left: int, size: Size) -> Sample:
    """The part of the sample of `size` whose first pixel is (top, left)."""
    if size == sample.size:
        return sample
    window = (..., slice(top, top + size[0]), slice(left, left + size[1]))
    target = sample.target
    if target is not None:
        target = _indexed(target, lambda values: values[window].contiguous())
    return replace(sample, picture=sample.picture[window].contiguous(), target=target)
