"""Batches of hand-made samples."""

from dataclasses import replace

import pytest
import torch

from segkit.data.collating import collate_evaluation, collate_training
from segkit.types import NO_SEGMENT, ImageSizes, Sample, Target


def sample(width, target):
    return Sample(torch.full((3, 2, width), 9, dtype=torch.uint8), target, f"{width}.png", width)


def test_a_training_batch_is_padded():
    segments = torch.tensor([[0, 1], [0, NO_SEGMENT]], dtype=torch.int16)
    whole = Target(torch.tensor([4, 2]), segments, is_crowd=torch.tensor([False, True]), areas=torch.tensor([2.0, 1.0]))
    none = Target(torch.zeros(0, dtype=torch.int64), overlapping_masks=torch.zeros(0, 2, 3, dtype=torch.bool))
    batch = collate_training([sample(2, whole), sample(3, none)], size_divisor=4)
    assert batch.images[0, 0].tolist() == [[9, 9, 0, 0], [9, 9, 0, 0], [0] * 4, [0] * 4]
    assert batch.sizes[1] == ImageSizes(padded=(4, 4), unpadded=(2, 3), output=(2, 3))
    first, second = batch.targets
    assert first.labels.tolist() == [4]
    assert first.segment_map.dtype == torch.int16
    assert first.segment_map.tolist() == [[0, -1, -1, -1]] * 2 + [[-1] * 4] * 2
    assert first.valid.tolist() == [[True, False, False, False], [True, True, False, False], [False] * 4, [False] * 4]
    assert first.areas.tolist() == [2.0]
    assert second.masks.shape == (0, 4, 4)
    assert second.valid.sum() == 6


def test_what_an_evaluation_has_padded_is_no_part_of_the_image():
    target = Target(torch.tensor([0]), torch.zeros(2, 2, dtype=torch.int16))
    padded = replace(sample(3, target), content=(2, 2))
    assert collate_evaluation([padded], size_divisor=4).sizes == [ImageSizes((4, 4), (2, 2), (2, 2))]


def test_an_evaluation_batch_keeps_its_targets():
    segments = torch.tensor([[0, 1], [0, NO_SEGMENT]], dtype=torch.int16)
    whole = Target(torch.tensor([4, 2]), segments, is_crowd=torch.tensor([False, True]))
    batch = collate_evaluation([sample(2, whole)], size_divisor=32)
    assert batch.images.shape == (1, 3, 32, 32)
    assert torch.equal(batch.targets[0].segment_map, segments)
    assert batch.targets[0].is_crowd.tolist() == [False, True]
    assert batch.targets[0].valid is None


def test_a_sample_without_target_is_refused():
    with pytest.raises(AssertionError, match=r"^2\.png: a dataset must give each sample a target"):
        collate_training([sample(2, None)], size_divisor=1)
