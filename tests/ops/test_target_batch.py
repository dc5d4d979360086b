"""Targets of a batch as a few tensors, against the targets one by one."""

import numpy as np
import pytest
import torch

from segkit.ops.target_batch import ChosenSegments, TargetBatch, numbered
from segkit.ops.targets import label_map_of, resize_target
from segkit.types import Target
from tests.helpers.criterion_cases import no_segments

SIZE = (6, 8)


def make_targets(kind):
    """Three images with 3, 0 and 2 segments: all with maps, all with masks, or of both kinds; the last has void."""
    generator = torch.Generator().manual_seed(0)
    targets = []
    for image, labels in enumerate(([5, 7, 5], [], [1, 2])):
        segment_map = torch.randint(-1, max(1, len(labels)), SIZE, generator=generator, dtype=torch.int16)
        valid = torch.rand(SIZE, generator=generator) > 0.3 if image == 2 else None
        if not labels:
            targets.append(no_segments(SIZE))
        elif kind == "masks" or (kind == "both" and image == 0):
            masks = torch.rand(len(labels), *SIZE, generator=generator) > 0.5
            targets.append(Target(torch.tensor(labels), overlapping_masks=masks, valid=valid))
        else:
            targets.append(Target(torch.tensor(labels), segment_map, valid=valid))
    return targets


def choose(*pairs):
    """Segments by (image, index)."""
    image, index = torch.tensor(pairs, dtype=torch.int64).view(-1, 2).T
    firsts = torch.tensor([0, 3, 3])
    return ChosenSegments(image, index, index + firsts[image], image.numpy())


KINDS = pytest.mark.parametrize("kind", ["maps", "masks", "both"])
CHOICES = pytest.mark.parametrize("chosen", [choose((0, 2), (0, 0), (2, 1)), choose((2, 1), (2, 0)), choose((0, 1))])


def test_segments_are_numbered_over_the_images():
    batch = TargetBatch.collect(make_targets("maps"))
    assert batch.labels.tolist() == [5, 7, 5, 1, 2]
    assert batch.image.tolist() == [0, 0, 0, 2, 2]
    assert batch.index.tolist() == [0, 1, 2, 0, 1]
    assert batch.counts == [3, 0, 2]
    assert batch.padded_labels().tolist() == [[5, 7, 5], [0, 0, 0], [1, 2, 0]]
    assert numbered([]).tolist() == []


@KINDS
def test_padded_masks(kind):
    targets = make_targets(kind)
    padded = TargetBatch.collect(targets).padded_masks()
    assert padded.shape == (3, 3, *SIZE)
    for image, target in enumerate(targets):
        assert torch.equal(padded[image, : len(target)], target.masks)
        assert not padded[image, len(target) :].any()


@KINDS
@CHOICES
def test_masks_and_validity_of_chosen_segments(kind, chosen):
    targets = make_targets(kind)
    batch = TargetBatch.collect(targets)
    masks, valid = batch.masks_of(chosen), batch.valid_of(chosen)
    assert masks.dtype == torch.float32
    pixels = torch.randint(0, SIZE[0] * SIZE[1], (len(chosen), 5))
    masks_at, valid_at = batch.masks_at(chosen, pixels), batch.valid_at(chosen, pixels)
    for row, (image, index) in enumerate(zip(chosen.images, chosen.index, strict=True)):
        expected = targets[image].masks[index]
        everywhere = torch.ones(SIZE, dtype=torch.bool)
        expected_valid = everywhere if targets[image].valid is None else targets[image].valid
        assert torch.equal(masks[row], expected.float())
        assert torch.equal(valid[row], expected_valid)
        assert torch.equal(masks_at[row], expected.flatten()[pixels[row]])
        assert torch.equal(valid_at[row], expected_valid.flatten()[pixels[row]])


@KINDS
def test_no_segment_and_no_void(kind):
    batch = TargetBatch.collect(make_targets(kind)[:2])
    nothing = choose()
    assert len(nothing) == 0
    assert len(choose((0, 0), (2, 1))[:1]) == 1
    assert batch.valid is None
    assert batch.valid_of(choose((0, 1))) is None
    assert batch.valid_at(choose((0, 1)), torch.zeros(1, 4, dtype=torch.int64)) is None
    empty = TargetBatch.collect([no_segments(SIZE), no_segments(SIZE)])
    assert empty.padded_masks().shape == (2, 0, *SIZE)
    assert (empty.label_maps(9) == 9).all()


@KINDS
def test_resized_targets_and_chosen_pixels(kind):
    targets = make_targets(kind)
    resized = TargetBatch.collect(targets).resized((3, 4))
    small = TargetBatch.collect([resize_target(target, (3, 4)) for target in targets])
    assert torch.equal(resized.padded_masks(), small.padded_masks())
    assert torch.equal(resized.valid, small.valid)
    pixels = torch.randint(0, SIZE[0] * SIZE[1], (3, 5))
    at_pixels = TargetBatch.collect(targets).at(pixels)
    for image, target in enumerate(targets):
        masks = at_pixels.padded_masks()[image, : len(target)]
        assert torch.equal(masks, target.masks.flatten(1)[:, pixels[image]])
    assert torch.equal(at_pixels.valid[2], targets[2].valid.flatten()[pixels[2]])


@KINDS
def test_label_maps_are_those_of_each_target_and_void_where_not_valid(kind):
    targets = make_targets(kind)
    found = TargetBatch.collect(targets).label_maps(99)
    for label_map, target in zip(found, targets, strict=True):
        expected = label_map_of(target, 99)
        assert torch.equal(label_map, expected if target.valid is None else expected.masked_fill(~target.valid, 99))


def test_segment_maps_of_many_segments_do_not_overflow():
    """The numbers of all images' segments together do not fit into int16, in which a map may be."""
    labels = torch.arange(20000)
    segment_map = torch.arange(20000).to(torch.int16).view(100, 200)
    label_maps = TargetBatch.collect([Target(labels, segment_map)] * 3).label_maps(-100)
    assert np.array_equal(label_maps[2].flatten(), labels)
