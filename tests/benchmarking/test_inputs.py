"""Random inputs are as documented, and the same every time."""

import torch
from benchmarking.inputs import (
    CLASSES,
    annotated_target,
    confident_prediction,
    disturb,
    drawn_image,
    drawn_layers,
    drawn_target,
    their_targets,
)

from segkit.ops.targets import pixel_counts, resize_target
from segkit.types import NO_SEGMENT, Target

CPU = torch.device("cpu")


def test_targets():
    target = drawn_target((64, 96), 7, CPU)
    assert target.size == (64, 96)
    assert pixel_counts(target).min() > 0
    assert torch.equal(target.segment_map, drawn_target((64, 96), 7, CPU).segment_map)
    theirs = their_targets([target])
    assert theirs["mask_labels"][0].shape == (7, 64, 96)
    assert torch.equal(theirs["mask_labels"][0].sum(0), torch.ones(64, 96))


def test_a_target_with_void_and_a_crowd():
    target = annotated_target((64, 96), 7)
    assert target.is_crowd.tolist() == [True] + [False] * 6
    assert pixel_counts(target).min() > 0
    assert (target.segment_map == NO_SEGMENT).any()
    tiny = annotated_target((4, 4), 100)
    assert len(tiny) == len(tiny.is_crowd) == tiny.segment_map.max() + 1 <= 16
    assert pixel_counts(tiny).min() > 0


def test_a_result_with_errors_lists_what_its_map_holds():
    target = annotated_target((64, 96), 60)
    result = disturb(target)
    ids = [segment.id for segment in result.segments]
    assert ids == list(range(1, len(ids) + 1))
    assert set(result.segment_map.unique().tolist()) == {0, *ids}
    assert result.segment_map.dtype == torch.int32
    assert all(segment.is_thing == CLASSES.things[segment.label] for segment in result.segments)
    assert torch.equal(result.segment_map, disturb(target).segment_map)


def test_every_kind_of_error_occurs():
    """The labels of the target are even, so an odd one was changed."""
    target = Target(torch.arange(0, 140, 2), torch.arange(70, dtype=torch.int16).repeat_interleave(8).view(28, 20))
    result = disturb(target)
    kept = {segment.label // 2: segment for segment in result.segments}
    same = [
        number
        for number, one in kept.items()
        if ((result.segment_map == one.id) == (target.segment_map == number)).all()
    ]
    relabelled = [number for number, one in kept.items() if one.label % 2]
    assert 1 <= 70 - len(kept) <= 35
    assert 1 <= len(relabelled) <= 25
    assert 10 <= len(same) < len(kept)


def test_layers():
    prediction = drawn_layers(2, 5, (8, 8), 3, CPU)
    assert len(prediction.layers) == 3
    assert prediction.mask_logits.shape == (2, 5, 8, 8)


def test_a_confident_prediction_finds_every_segment():
    target = drawn_target((64, 64), 5, CPU)
    prediction = confident_prediction(target, 20, (16, 16))
    scores, labels = prediction.class_logits[0].softmax(-1).max(-1)
    assert labels[:5].tolist() == target.labels.tolist()
    assert (scores[:5] > 0.9).all()
    assert (labels[5:] == 150).all()
    assert (((prediction.mask_logits[0, :5] > 0) == resize_target(target, (16, 16)).masks).float().mean() > 0.99).all()


def test_images():
    image = drawn_image((40, 50))
    assert image.shape == (3, 40, 50)
    assert image.dtype == torch.uint8
    assert image.float().std() > 10
