"""Changes of targets, computed by hand."""

import pytest
import torch

from segkit.ops.targets import (
    label_map_of,
    pad_target,
    pixel_counts,
    prepare_for_training,
    resize_target,
    select_segments,
)
from segkit.types import Target
from tests.helpers.targets import SEGMENTS, empty_target, map_target, mask_target


def test_label_map():
    assert label_map_of(map_target(), void=255).tolist() == [[5, 5, 7], [5, 5, 255]]
    assert label_map_of(mask_target(), void=255).tolist() == [[5, 7, 7], [5, 5, 255]]


def test_selecting_renumbers():
    extras = {"is_crowd": torch.tensor([True, False, False]), "areas": torch.tensor([1.0, 2.0, 3.0])}
    keep = torch.tensor([False, True, True])
    for target in (select_segments(map_target(**extras), keep), select_segments(mask_target(**extras), keep)):
        assert target.labels.tolist() == [7, 5]
        assert target.is_crowd.tolist() == [False, False]
        assert target.areas.tolist() == [2, 3]
        assert len(target.masks) == 2
    assert select_segments(map_target(), keep).segment_map.tolist() == [[-1, -1, 0], [1, 1, -1]]
    assert select_segments(map_target(), keep).segment_map.dtype == torch.int16


def test_pixel_counts():
    assert pixel_counts(map_target()).tolist() == [2, 1, 2]
    assert pixel_counts(mask_target()).tolist() == [2, 2, 2]


def test_training_makes_crowds_void():
    crowd = torch.tensor([True, False, False])
    target = prepare_for_training(map_target(is_crowd=crowd))
    assert target.labels.tolist() == [7, 5]
    assert target.valid.tolist() == [[False, False, True], [True, True, True]]
    valid = torch.tensor([[True, True, False], [True, True, True]])
    target = prepare_for_training(map_target(is_crowd=crowd, valid=valid))
    assert target.valid.tolist() == [[False, False, False], [True, True, True]]


def test_a_segment_that_covers_a_crowd_stays_valid():
    target = prepare_for_training(mask_target(is_crowd=torch.tensor([True, False, False])))
    assert target.valid.tolist() == [[False, True, True], [True, True, True]]


def test_an_image_of_crowds_alone():
    target = prepare_for_training(map_target(is_crowd=torch.tensor([True, True, True])))
    assert len(target) == 0
    assert target.masks.shape == (0, 2, 3)
    assert target.valid.tolist() == [[False, False, False], [False, False, True]]


def test_training_drops_segments_without_pixels():
    segments = torch.tensor([[0, 2]], dtype=torch.int16)
    target = prepare_for_training(Target(torch.tensor([5, 6, 7]), segments))
    assert target.labels.tolist() == [5, 7]
    assert target.segment_map.tolist() == [[0, 1]]
    masks = torch.tensor([[[0, 0]], [[1, 0]]], dtype=torch.bool)
    assert prepare_for_training(Target(torch.tensor([5, 6]), overlapping_masks=masks)).labels.tolist() == [6]


def test_training_changes_nothing_where_there_is_nothing_to_change():
    target = map_target(is_crowd=torch.tensor([False, False, False]))
    assert prepare_for_training(target) is target


def test_padding():
    padded = pad_target(map_target(), (3, 5))
    assert padded.segment_map.tolist() == [[0, 0, 1, -1, -1], [2, 2, -1, -1, -1], [-1] * 5]
    assert padded.segment_map.dtype == torch.int16
    assert padded.valid.int().tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [0] * 5]
    valid = torch.tensor([[True, False, True], [True, True, True]])
    padded = pad_target(mask_target(valid=valid), (3, 5))
    assert padded.masks.shape == (3, 3, 5)
    assert torch.equal(padded.valid[:2, :3], valid)
    assert padded.valid.sum() == 5
    assert pad_target(map_target(), (2, 3)).valid is None


def test_resizing_takes_the_top_left_pixel():
    resized = resize_target(map_target(areas=torch.tensor([1.0, 2.0, 3.0])), (4, 6))
    assert resized.segment_map[::2, ::2].tolist() == SEGMENTS
    assert resized.segment_map[1::2, 1::2].tolist() == SEGMENTS
    assert resized.areas.tolist() == [1, 2, 3]
    assert resize_target(resized, (2, 3)).segment_map.tolist() == SEGMENTS
    assert pixel_counts(resize_target(mask_target(), (4, 6))).tolist() == [8, 8, 8]


@pytest.mark.parametrize("overlapping", [False, True])
def test_a_target_without_segments(overlapping):
    target = empty_target(overlapping)
    assert label_map_of(target, 9).tolist() == [[9, 9, 9], [9, 9, 9]]
    assert pixel_counts(target).tolist() == []
    assert len(select_segments(target, torch.zeros(0, dtype=torch.bool))) == 0
    assert prepare_for_training(target) is target
    assert pad_target(target, (4, 4)).masks.shape == (0, 4, 4)
