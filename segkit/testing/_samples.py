"""Samples and targets: inputs for parts, and checks of their form."""

from dataclasses import fields

import torch
from torch import Tensor

from segkit.errors import with_article
from segkit.testing._common import check_tensor, described
from segkit.types import NO_SEGMENT, RGB, PixelFormat, Sample, Size, Target


def halves(size: Size, labels: tuple[int, int], valid: Tensor | None = None) -> Target:
    """Returns a target of two segments, left and right."""
    # `contiguous`, as a dataset's maps are: the rows of an expanded tensor share memory.
    segment_map = (torch.arange(size[1]) >= size[1] // 2).to(torch.int16).expand(size).contiguous()
    return Target(torch.tensor(labels), segment_map, valid=valid)


def no_segment(size: Size) -> Target:
    """Returns a target without segments. All its pixels are valid."""
    return Target(torch.zeros(0, dtype=torch.int64), torch.full(size, NO_SEGMENT, dtype=torch.int16))


def overlapping(size: Size, labels: tuple[int, int]) -> Target:
    """Returns a target of two segments that overlap in the middle, the first one a crowd."""
    # From 0 to 2/3 of the width, and from 1/3 to its end.
    columns = torch.arange(size[1]).expand(size)
    masks = torch.stack([columns < size[1] * 2 // 3, columns >= size[1] // 3])
    areas = masks.flatten(1).sum(1).float()
    return Target(torch.tensor(labels), overlapping_masks=masks, is_crowd=torch.tensor([True, False]), areas=areas)


def same(one: Tensor | None, other: Tensor | None) -> bool:
    """Returns whether both are None, or tensors of the same type, shape and content."""
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and torch.equal(one, other)


def sample_differs(one: Sample, other: Sample) -> str:
    """Returns what differs between two samples, `image`, `target.labels`, …; empty if nothing does."""
    if not same(one.image, other.image):
        return "image"
    if (one.file, one.image_id) != (other.file, other.image_id):
        return "file or image_id"
    if one.target is None or other.target is None:
        return "" if one.target is other.target else "target"
    for field in fields(Target):
        if not same(getattr(one.target, field.name), getattr(other.target, field.name)):
            return f"target.{field.name}"
    return ""


def check_sample(subject: str, sample: object, pixels: PixelFormat = RGB) -> None:
    """Checks that `sample` is a Sample whose image has the pixel format, (3,H,W) uint8 by default.

    `subject` begins every error message: `dataset Mine returns for item 0`.
    """
    assert isinstance(sample, Sample), f"{subject} {with_article(type(sample).__name__)}. Return a segkit.types.Sample."
    image = sample.image
    good = isinstance(image, Tensor) and image.dim() == 3 and pixels.fits(image) and image.numel() > 0
    asked = f"({pixels.channels}, H, W) of {pixels.type}"
    assert good, f"{subject} an image {described(image)}. The contract asks for {asked}."
    assert isinstance(sample.file, str), f"{subject} file = {sample.file!r}. The contract asks for a str."
    assert isinstance(sample.image_id, int | str), (
        f"{subject} image_id = {sample.image_id!r}. The contract asks for an int or a str."
    )


def check_target(subject: str, target: object, size: Size, num_classes: int) -> None:
    """Checks that `target` is a Target of that size, with labels among the classes and a map of its segments only.

    `subject` begins every error message: `dataset Mine returns for item 0`.
    """
    assert isinstance(target, Target), (
        f"{subject} a target of type {type(target).__name__}. Give a segkit.types.Target."
    )
    count = len(target)
    check_tensor(subject, "labels", target.labels, (count,), (torch.int64,))
    in_range = count == 0 or (int(target.labels.min()) >= 0 and int(target.labels.max()) < num_classes)
    assert in_range, f"{subject} the labels {target.labels.tolist()}. The contract asks for 0..{num_classes - 1}."
    for name, shape, types in (
        ("segment_map", size, (torch.int16, torch.int32)),
        ("overlapping_masks", (count, *size), (torch.bool,)),
        ("valid", size, (torch.bool,)),
        ("is_crowd", (count,), (torch.bool,)),
        ("areas", (count,), (torch.float32, torch.float64)),
    ):
        if getattr(target, name) is not None:
            check_tensor(subject, name, getattr(target, name), shape, types)
    if target.segment_map is not None:
        low, high = int(target.segment_map.min()), int(target.segment_map.max())
        in_range = low >= NO_SEGMENT and high < count
        assert in_range, (
            f"{subject} a segment_map of values {low}..{high}. The contract asks for {NO_SEGMENT}..{count - 1}, for "
            f"{count} segments."
        )
