"""Targets, computed by hand on small maps."""

import pytest
import torch

from segkit.types import Target
from tests.helpers.targets import empty_target, map_target, mask_target


def test_a_target_needs_exactly_one_form_of_masks():
    with pytest.raises(AssertionError, match=r"^one of segment_map, overlapping_masks$"):
        Target(torch.tensor([1]))
    with pytest.raises(AssertionError, match=r"^one of segment_map, overlapping_masks$"):
        Target(torch.tensor([1]), torch.zeros(1, 1), torch.zeros(1, 1, 1))


@pytest.mark.parametrize("target", [map_target(), mask_target()])
def test_length_and_size(target):
    assert len(target) == 3
    assert target.size == (2, 3)


def test_masks_are_made_of_the_map():
    masks = map_target().masks
    assert masks.dtype == torch.bool
    assert masks.int().tolist() == [[[1, 1, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 0]]]
    assert torch.equal(mask_target().masks, mask_target().overlapping_masks)


def test_masks_of_chosen_segments():
    chosen = torch.tensor([2, 0, 2])
    assert torch.equal(map_target().masks_of(chosen), map_target().masks[chosen])
    assert torch.equal(mask_target().masks_of(chosen), mask_target().masks[chosen])


@pytest.mark.parametrize("overlapping", [False, True])
def test_a_target_without_segments(overlapping):
    target = empty_target(overlapping)
    assert len(target) == 0
    assert target.size == (2, 3)
    assert target.masks.shape == (0, 2, 3)
    assert len(target.to("cpu")) == 0


def test_moving_keeps_everything():
    target = map_target(valid=torch.ones(2, 3, dtype=torch.bool), is_crowd=torch.zeros(3, dtype=torch.bool))
    moved = target.to("meta")
    assert moved.labels.is_meta
    assert moved.segment_map.is_meta
    assert moved.valid.is_meta
    assert moved.is_crowd.is_meta
    assert moved.overlapping_masks is moved.areas is None
