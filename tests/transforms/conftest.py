"""Samples whose images show their own targets, so that a shift between the two is visible."""

import pytest
import torch

from segkit.ops.targets import label_map_of
from segkit.types import NO_SEGMENT, Sample, Target

VOID = 5


def encoded(target):
    """(3,H,W) uint8: 40 times the class index of each pixel, or of VOID where there is no segment."""
    return (label_map_of(target, VOID) * 40).to(torch.uint8).repeat(3, 1, 1)


@pytest.fixture
def agree():
    """A function: the fraction of a sample's pixels whose color is that of their target."""
    return lambda sample: float((encoded(sample.target) == sample.image).all(0).float().mean())


@pytest.fixture
def sample():
    """48x64: class 3 on the left, class 1 on the right, class 0 in a patch, a corner of void; borders at odd places."""
    segments = torch.zeros(48, 64, dtype=torch.int16)
    segments[:, 27:] = 1
    segments[11:30, 17:50] = 2
    segments[:5, 60:] = NO_SEGMENT
    target = Target(
        torch.tensor([3, 1, 0]), segments, valid=segments != NO_SEGMENT, areas=torch.tensor([1.0, 2.0, 3.0])
    )
    return Sample(encoded(target), target, "a.png", "a")


@pytest.fixture
def overlapping():
    """8x12: two masks that overlap."""
    masks = torch.zeros(2, 8, 12, dtype=torch.bool)
    masks[0, :, :7] = True
    masks[1, 2:6] = True
    target = Target(torch.tensor([0, 1]), overlapping_masks=masks)
    return Sample((masks.sum(0) * 100).to(torch.uint8).repeat(3, 1, 1), target, "a.png", "a")
