"""Samples and targets: some to try parts with, and whether one is well formed."""

from dataclasses import fields

import torch
from torch import Tensor

from segkit.testing._common import check_tensor, described
from segkit.types import NO_SEGMENT, Sample, Size, Target


def halves(size: Size, labels: tuple[int, int], valid: Tensor | None = None) -> Target:
    """Two segments, left and right."""
    segment_map = (torch.arange(size[1]) >= size[1] // 2).to(torch.int16).expand(size).contiguous()
    return Target(torch.tensor(labels), segment_map, valid=valid)


def no_segment(size: Size) -> Target:
    """An image that is known to show nothing."""
    return Target(torch.zeros(0, dtype=torch.int64), torch.full(size, NO_SEGMENT, dtype=torch.int16))


def overlapping(size: Size, labels: tuple[int, int]) -> Target:
    """Two segments that overlap in the middle, the first one a crowd."""
    columns = torch.arange(size[1]).expand(size)
    masks = torch.stack([columns < size[1] * 2 // 3, columns >= size[1] // 3])
    areas = masks.flatten(1).sum(1).float()
    return Target(torch.tensor(labels), overlapping_masks=masks, is_crowd=torch.tensor([True, False]), areas=areas)


def same(one: Tensor | None, other: Tensor | None) -> bool:
    """Of one type, shape and content, or both None."""
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and torch.equal(one, other)


def sample_differs(one: Sample, other: Sample) -> str:
    """Empty where both samples are the same; else what is not: `image`, `target.labels`, …"""
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


def check_sample(gives: str, sample: object) -> None:
    """A Sample whose image is (3,H,W) uint8; `gives` begins every complaint: `dataset Mine gives as item 0`."""
    assert isinstance(sample, Sample), f"{gives} a {type(sample).__name__}, where a Sample is promised"
    image = sample.image
    good = isinstance(image, Tensor) and image.dtype == torch.uint8
    good = good and image.dim() == 3 and image.shape[0] == 3 and image.numel() > 0
    assert good, f"{gives} an image {described(image)}, where (3, H, W) of uint8 is promised"
    assert isinstance(sample.file, str), f"{gives} file = {sample.file!r}, where a str is promised"
    assert isinstance(sample.image_id, int | str), (
        f"{gives} image_id = {sample.image_id!r}, where an int or a str is promised"
    )


def check_target(gives: str, target: object, size: Size, num_classes: int) -> None:
    """A Target of that size, its labels among the classes and its map naming no segment that there is not."""
    assert isinstance(target, Target), f"{gives} a target as {type(target).__name__}, where a Target is promised"
    count = len(target)
    check_tensor(gives, "labels", target.labels, (count,), (torch.int64,))
    in_range = count == 0 or (int(target.labels.min()) >= 0 and int(target.labels.max()) < num_classes)
    assert in_range, f"{gives} the labels {target.labels.tolist()}, where 0..{num_classes - 1} are promised"
    for name, shape, types in (
        ("segment_map", size, (torch.int16, torch.int32)),
        ("overlapping_masks", (count, *size), (torch.bool,)),
        ("valid", size, (torch.bool,)),
        ("is_crowd", (count,), (torch.bool,)),
        ("areas", (count,), (torch.float32, torch.float64)),
    ):
        if getattr(target, name) is not None:
            check_tensor(gives, name, getattr(target, name), shape, types)
    if target.segment_map is not None:
        low, high = int(target.segment_map.min()), int(target.segment_map.max())
        in_range = low >= NO_SEGMENT and high < count
        assert in_range, (
            f"{gives} a segment_map of values {low}..{high}, where {NO_SEGMENT}..{count - 1} are promised for {count} "
            "segments"
        )
