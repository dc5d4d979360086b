"""Counts of small targets, by hand."""

import pytest
import torch

from segkit.classes import Classes
from segkit.data.collating import collate_evaluation, collate_training
from segkit.data.tally import Tally
from segkit.datasets.shapes import Shapes
from segkit.errors import DataError
from segkit.types import NO_SEGMENT, Target
from tests.helpers.tiny import empty_target

LEFT = torch.tensor([[1, 1, 0, 0]] * 2, dtype=torch.bool)
MIDDLE = torch.tensor([[0, 1, 1, 0]] * 2, dtype=torch.bool)


def tally_of(*targets, num_classes=3):
    tally = Tally(num_classes)
    for target in targets:
        tally.add(target)
    return tally


def test_a_map_with_void_and_pixels_of_no_segment():
    segment_map = torch.tensor([[0, 0, 1, NO_SEGMENT], [0, 0, NO_SEGMENT, NO_SEGMENT]])
    valid = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 0]], dtype=torch.bool)
    tally = tally_of(Target(torch.tensor([2, 0]), segment_map, valid=valid))
    assert tally.segments.tolist() == [1, 0, 1]
    assert tally.pixels.tolist() == [1, 0, 4]
    assert (tally.void, tally.known, tally.covered) == (2, 6, 5)
    assert (tally.images, tally.images_without_segments, tally.most_segments, tally.crowds) == (1, 0, 2, 0)
    assert tally.absent == [1]
    assert tally.only_class is None


def test_overlapping_masks_and_a_crowd():
    masks = torch.stack([LEFT, MIDDLE, MIDDLE])
    crowd = torch.tensor([False, False, True])
    tally = tally_of(Target(torch.tensor([1, 1, 1]), overlapping_masks=masks, is_crowd=crowd))
    assert tally.segments.tolist() == [0, 2, 0]
    assert tally.pixels.tolist() == [0, 8, 0]
    assert (tally.void, tally.known, tally.covered) == (0, 8, 6)
    assert (tally.most_segments, tally.crowds, tally.crowds_of.tolist()) == (2, 1, [0, 1, 0])


def test_pixels_of_crowds_alone_are_left_out():
    target = Target(torch.tensor([1]), overlapping_masks=LEFT[None], is_crowd=torch.tensor([True]))
    tally = tally_of(target)
    assert tally.segments.tolist() == [0, 0, 0]
    assert (tally.void, tally.known, tally.covered) == (4, 4, 0)
    assert (tally.images_without_segments, tally.crowds) == (1, 1)


def test_no_segment_in_either_form():
    no_masks = Target(torch.zeros(0, dtype=torch.int64), overlapping_masks=torch.zeros(0, 2, 3, dtype=torch.bool))
    tally = tally_of(empty_target((2, 3)), no_masks)
    assert (tally.images, tally.images_without_segments, tally.known, tally.covered) == (2, 2, 12, 0)
    assert tally.only_class is None


@pytest.mark.parametrize("size", [(2, 4), (900, 900)])
def test_segments_without_pixels_do_not_count(size):
    masks = torch.zeros(3, *size, dtype=torch.bool)
    masks[0, 1, 3] = True  # between the points of the grid on which a large image is counted
    crowd = torch.tensor([False, False, True])
    tally = tally_of(Target(torch.tensor([0, 1, 1]), overlapping_masks=masks, is_crowd=crowd))
    assert (tally.segments.tolist(), tally.most_segments, tally.crowds) == ([1, 0, 0], 1, 0)
    nothing = tally_of(Target(torch.tensor([1]), overlapping_masks=masks[1:2]))
    assert (nothing.images_without_segments, nothing.segments.tolist(), nothing.covered) == (1, [0, 0, 0], 0)
    segment_map = torch.full(size, NO_SEGMENT)
    segment_map[1, 3] = 1
    assert tally_of(Target(torch.tensor([2, 0]), segment_map)).segments.tolist() == [1, 0, 0]


def test_the_only_class_of_all_known_pixels():
    segment_map = torch.tensor([[0, 0, NO_SEGMENT]])
    void = segment_map != NO_SEGMENT
    assert tally_of(Target(torch.tensor([1]), segment_map, valid=void)).only_class == 1
    assert tally_of(Target(torch.tensor([1]), segment_map)).only_class is None


def test_large_images_are_counted_on_a_grid_of_the_same_total():
    segment_map = torch.zeros(600, 1000, dtype=torch.int16)
    segment_map[:, 500:] = NO_SEGMENT
    tally = tally_of(Target(torch.tensor([1]), segment_map))
    assert tally.fraction(tally.pixels[1]) == pytest.approx(0.5, abs=0.01)
    assert tally.void + tally.known == pytest.approx(600_000, rel=0.02)


def test_merged_tallies_are_those_of_all_targets():
    shapes = [Shapes(length=3, size=(40, 60))[index].target for index in range(3)]
    merged = tally_of(*shapes[:1], num_classes=8).merge([tally_of(*shapes[1:], num_classes=8), Tally(8)])
    classes = Shapes().classes
    assert merged.to_dict(classes) == tally_of(*shapes, num_classes=8).to_dict(classes)


def test_padding_of_training_batches_does_not_count():
    samples = [Shapes(length=2, size=(40, 60))[index] for index in range(2)]
    plain, padded, evaluated = Tally(8), Tally(8), Tally(8)
    for sample in samples:
        plain.add(sample.target)
    padded.add_batch(collate_training(samples, size_divisor=32), padded=True)
    evaluated.add_batch(collate_evaluation(samples, size_divisor=32))
    classes = Shapes().classes
    assert plain.to_dict(classes) == padded.to_dict(classes) == evaluated.to_dict(classes)


def test_what_is_written():
    segment_map = torch.tensor([[0, 0, 0, NO_SEGMENT]])
    assert tally_of(Target(torch.tensor([1]), segment_map), num_classes=2).to_dict(Classes.make(["sky", "car"])) == {
        "images": 1,
        "images_without_segments": 0,
        "segments": 1,
        "segments_per_image": 1.0,
        "most_segments": 1,
        "crowds": 0,
        "void": 0.0,
        "no_segment": 0.25,
        "classes": {"sky": {"segments": 0, "pixels": 0.0}, "car": {"segments": 1, "pixels": 0.75}},
    }


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_labels_that_are_no_class_index(labels):
    with pytest.raises(DataError) as caught:
        tally_of(Target(torch.tensor(labels), torch.tensor([[0, 1]])))
    assert str(caught.value) == (
        f"the target has the labels {labels}, but the class indices are 0..2. Correct the dataset that makes it."
    )
