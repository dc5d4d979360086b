"""Functions that read or change targets. The target they are given stays as it is."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from segkit.types import NO_SEGMENT, Size, Target


def label_map_of(target: Target, void: int) -> Tensor:
    """Returns the class index of each pixel, `(H, W)` int64.

    Pixels without a segment get `void`. Where masks overlap, the last one wins.

    Example:
        >>> target = Target(torch.tensor([5, 7]), segment_map=torch.tensor([[0, 0, 1, -1]]))
        >>> label_map_of(target, void=255).tolist()
        [[5, 5, 7, 255]]
    """
    if target.segment_map is None:
        label_map = torch.full(target.size, void, dtype=torch.int64, device=target.labels.device)
        for label, mask in zip(target.labels, target.masks, strict=True):
            label_map[mask] = label
        return label_map
    # NO_SEGMENT = -1 indexes the last entry, which is void.
    label_of = torch.cat([target.labels, target.labels.new_tensor([void])])  # (N + 1,)
    return label_of[target.segment_map.long()]


def change_maps(target: Target, change: Callable[[Tensor], Tensor]) -> Target:
    """Applies `change` to all maps `(..., H, W)` of a target: its segment map or masks, and its validity.

    Example:
        >>> target = Target(torch.tensor([5]), segment_map=torch.tensor([[0, -1]]))
        >>> change_maps(target, lambda values: values.flip(-1)).segment_map.tolist()
        [[-1, 0]]
    """
    maps = {"segment_map": target.segment_map, "overlapping_masks": target.overlapping_masks, "valid": target.valid}
    return replace(target, **{name: change(values) for name, values in maps.items() if values is not None})


def select_segments(target: Target, keep: Tensor) -> Target:
    """Keeps the segments where `keep` (N,) bool is True, and renumbers them in order.

    Example:
        >>> target = Target(torch.tensor([5, 7]), segment_map=torch.tensor([[0, 0, 1, -1]]))
        >>> selected = select_segments(target, torch.tensor([False, True]))
        >>> selected.labels.tolist(), selected.segment_map.tolist()
        ([7], [[-1, -1, 0, -1]])
    """
    segment_map = target.segment_map
    if segment_map is not None:
        number = torch.where(keep, keep.cumsum(0) - 1, NO_SEGMENT)  # (N,)
        # NO_SEGMENT = -1 indexes the last entry, so pixels without a segment stay without one.
        number = torch.cat([number, number.new_tensor([NO_SEGMENT])]).to(segment_map.dtype)
        segment_map = number[segment_map.long()]
    return replace(
        target,
        labels=target.labels[keep],
        segment_map=segment_map,
        overlapping_masks=None if target.overlapping_masks is None else target.overlapping_masks[keep],
        is_crowd=None if target.is_crowd is None else target.is_crowd[keep],
        areas=None if target.areas is None else target.areas[keep],
    )


def pad_target(target: Target, size: Size) -> Target:
    """Pads a target at the bottom and right to `size`. New pixels belong to no segment and are not valid.

    Example:
        >>> target = Target(torch.tensor([5]), segment_map=torch.tensor([[0, 0]]))
        >>> padded = pad_target(target, (1, 3))
        >>> padded.segment_map.tolist(), padded.valid.tolist()
        ([[0, 0, -1]], [[True, True, False]])
    """
    height, width = target.size
    if (height, width) == size:
        return target
    added = (0, size[1] - width, 0, size[0] - height)
    valid = target.valid
    if valid is None:
        valid = torch.ones(target.size, dtype=torch.bool, device=target.labels.device)
    return replace(
        target,
        segment_map=None if target.segment_map is None else pad(target.segment_map, added, value=NO_SEGMENT),
        overlapping_masks=None if target.overlapping_masks is None else pad(target.overlapping_masks, added),
        valid=pad(valid, added),
    )


def resize_target(target: Target, size: Size) -> Target:
    """Resizes a target's maps by nearest neighbor. Each new pixel takes the top left of the pixels it covers.

    `areas` keep their values.

    Example:
        >>> target = Target(torch.tensor([5]), segment_map=torch.tensor([[0, -1], [-1, -1]]))
        >>> resize_target(target, (1, 1)).segment_map.tolist()
        [[0]]
    """
    return change_maps(target, lambda values: nearest(values, size))


def nearest(values: Tensor, size: Size) -> Tensor:
    """Resizes (…,H,W) by nearest neighbor. Each new pixel takes the top left of the pixels it covers.

    Example:
        >>> nearest(torch.tensor([[0, 1, 2, 3]]), (1, 2)).tolist()
        [[0, 2]]
    """
    rows = torch.arange(size[0], device=values.device) * values.shape[-2] // size[0]
    columns = torch.arange(size[1], device=values.device) * values.shape[-1] // size[1]
    return values[..., rows[:, None], columns]


def pixel_counts(target: Target) -> Tensor:
    """Counts the pixels of each segment: `(N,)` int64.

    Example:
        >>> pixel_counts(Target(torch.tensor([5, 7]), segment_map=torch.tensor([[0, 0, 1, -1]]))).tolist()
        [2, 1]
    """
    if target.segment_map is None:
        return target.masks.flatten(1).sum(1)
    # Adding 1 counts NO_SEGMENT = -1 at index 0, where it is dropped.
    return torch.bincount(target.segment_map.flatten().long() + 1, minlength=len(target) + 1)[1:]


def have_pixels(target: Target) -> Tensor:
    """Returns which segments have pixels: `(N,)` bool.

    Example:
        >>> have_pixels(Target(torch.tensor([5, 7]), segment_map=torch.tensor([[0, -1]]))).tolist()
        [True, False]
    """
    # Most often every segment shows up in one sixteenth of the pixels, and counting all of them is not needed.
    sampled = pixel_counts(change_maps(target, lambda values: values[..., ::4, ::4])) > 0
    return sampled if bool(sampled.all()) else pixel_counts(target) > 0


def prepare_for_training(target: Target) -> Target:
    """Removes what a loss cannot use: crowds and segments without pixels.

    Pixels of a crowd become invalid, except where another segment covers them. Segments lose all their pixels when a
    crop or a resize removes them. Returns the same object where nothing changes.

    Example:
        >>> segments = torch.tensor([[0, 2, 2]])
        >>> prepare_for_training(Target(torch.tensor([5, 6, 7]), segment_map=segments)).labels.tolist()
        [5, 7]
    """
    if target.is_crowd is not None and bool(target.is_crowd.any()):
        crowd = target.masks[target.is_crowd].any(0)  # (H, W)
        covered = target.masks[~target.is_crowd].any(0)  # (H, W)
        valid = torch.ones_like(crowd) if target.valid is None else target.valid
        target = replace(select_segments(target, ~target.is_crowd), valid=valid & (~crowd | covered))
    present = have_pixels(target)
    return target if bool(present.all()) else select_segments(target, present)
