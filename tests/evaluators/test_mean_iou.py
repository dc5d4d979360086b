import math

import pytest
import torch

from segkit.classes import Classes
from segkit.evaluators.mean_iou import MeanIoU
from segkit.types import NO_SEGMENT, SemanticResult, Target

CLASSES = Classes.make(["sky", "road", "car"])


def target_of(label_map, valid=None):
    """A target with one segment per class; -1 is void."""
    label_map = torch.tensor(label_map, dtype=torch.int32)
    return Target(torch.arange(3), segment_map=label_map, valid=None if valid is None else torch.tensor(valid))


def result_of(label_map):
    return SemanticResult(torch.tensor(label_map))


def test_by_hand():
    """Void is left out; a class that no target shows has no metric, though it is predicted once."""
    evaluator = MeanIoU(CLASSES)

    evaluator.add(result_of([[0, 0, 1], [2, 1, 1]]), target_of([[0, 0, 0], [0, 1, NO_SEGMENT]]), 1)
    metrics = evaluator.compute()

    assert metrics.values == pytest.approx(
        {
            "mean_iou": (2 / 4 + 1 / 2) / 2,
            "frequency_weighted_iou": (4 * 2 / 4 + 1 * 1 / 2) / 5,
            "pixel_accuracy": 3 / 5,
            "mean_accuracy": (2 / 4 + 1) / 2,
        }
    )
    assert metrics.per_class["iou"] == pytest.approx({"sky": 0.5, "road": 0.5, "car": math.nan}, nan_ok=True)
    assert metrics.confusion_matrix == {
        "sky": {"sky": 2, "road": 1, "car": 1},
        "road": {"sky": 0, "road": 1, "car": 0},
        "car": {"sky": 0, "road": 0, "car": 0},
    }
    assert metrics.per_class["accuracy"] == pytest.approx({"sky": 0.5, "road": 1.0, "car": math.nan}, nan_ok=True)


def test_pixels_that_are_not_valid_are_void():
    evaluator = MeanIoU(CLASSES)

    evaluator.add(result_of([[0, 1]]), target_of([[0, 0]], valid=[[True, False]]), 1)

    assert evaluator.compute().values["pixel_accuracy"] == 1.0


def test_classes_numbered_unlike_segments():
    target = Target(torch.tensor([2, 0]), segment_map=torch.tensor([[0, 1, 1]], dtype=torch.int16))
    evaluator = MeanIoU(CLASSES)

    evaluator.add(result_of([[2, 0, 0]]), target, 1)

    assert evaluator.compute().values["mean_iou"] == 1.0


def test_counts_over_many_images_are_those_of_a_plain_loop():
    generator = torch.Generator().manual_seed(0)
    evaluator = MeanIoU(CLASSES)
    annotated = torch.randint(-1, 3, (5, 6, 7), generator=generator)
    predictions = torch.randint(0, 3, (5, 6, 7), generator=generator)

    for index in range(5):
        evaluator.add(SemanticResult(predictions[index]), target_of(annotated[index].tolist()), index)

    for label, name in enumerate(CLASSES.names):
        known = annotated >= 0
        both = ((annotated == label) & (predictions == label)).sum()
        either = (known & ((annotated == label) | (predictions == label))).sum()
        assert evaluator.compute().per_class["iou"][name] == pytest.approx(float(both / either))


def test_two_processes_are_as_good_as_one():
    first, second, whole = MeanIoU(CLASSES), MeanIoU(CLASSES), MeanIoU(CLASSES)
    pairs = [([[0, 1, 2]], [[0, 0, 2]]), ([[2, 2, 1]], [[2, NO_SEGMENT, 1]])]
    for evaluator, (predicted, true) in zip((first, second), pairs, strict=True):
        evaluator.add(result_of(predicted), target_of(true), 0)
        whole.add(result_of(predicted), target_of(true), 0)

    first.merge(second.state())

    assert first.compute() == whole.compute()


def test_nothing_to_measure_is_nan():
    evaluator = MeanIoU(CLASSES)

    evaluator.add(
        result_of([[0]]), Target(torch.zeros(0, dtype=torch.int64), segment_map=torch.tensor([[NO_SEGMENT]])), 1
    )

    assert all(math.isnan(value) for value in evaluator.compute().values.values())
