"""Small targets whose results are computed by hand: three segments on 2 x 3 pixels."""

import torch

from segkit.types import NO_SEGMENT, Target

SEGMENTS = [[0, 0, 1], [2, 2, NO_SEGMENT]]


def map_target(**more):
    return Target(torch.tensor([5, 7, 5]), torch.tensor(SEGMENTS, dtype=torch.int16), **more)


def mask_target(**more):
    """The same, but the second segment overlaps the first."""
    masks = torch.tensor([[[1, 1, 0], [0, 0, 0]], [[0, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 0]]], dtype=torch.bool)
    return Target(torch.tensor([5, 7, 5]), overlapping_masks=masks, **more)


def empty_target(overlapping=False):
    if overlapping:
        return Target(torch.zeros(0, dtype=torch.int64), overlapping_masks=torch.zeros(0, 2, 3, dtype=torch.bool))
    return Target(torch.zeros(0, dtype=torch.int64), segment_map=torch.full((2, 3), NO_SEGMENT, dtype=torch.int16))
