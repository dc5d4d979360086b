import math

import numpy as np
import pytest
import torch

from segkit.classes import Classes
from segkit.evaluators.boundary_iou import BoundaryIoU
from segkit.types import NO_SEGMENT, SemanticResult, Target
from tests.helpers.boundaries import slow_boundary

CLASSES = Classes.make(["sky", "road", "car"])
RATIO = 0.05
"""Boundaries of 2 pixels in the images of these tests."""


def images():
    """(result, target) of 4 images of 35 x 24 pixels, with void."""
    random = np.random.default_rng(0)
    pairs = []
    for _ in range(4):
        target = random.integers(-1, 2, (7, 6)).repeat(5, 0).repeat(4, 1)
        result = np.where(random.random((35, 24)) < 0.9, np.roll(target, 1, 1), random.integers(0, 3, (35, 24)))
        segment_map = torch.from_numpy(target).to(torch.int32)
        pairs.append((SemanticResult(torch.from_numpy(result.clip(0))), Target(torch.tensor([0, 1]), segment_map)))
    return pairs


def test_equal_to_plain_loops():
    evaluator = BoundaryIoU(CLASSES, dilation_ratio=RATIO)
    common, either = np.zeros(3), np.zeros(3)
    for result, target in images():
        evaluator.add(result, target, 1)
        known = target.segment_map.numpy() != NO_SEGMENT
        for label in range(3):
            found = slow_boundary((result.label_map.numpy() == label) & known, 2)
            annotated = slow_boundary(target.segment_map.numpy() == label, 2)
            common[label] += (found & annotated).sum()
            either[label] += (found | annotated).sum()

    metrics = evaluator.compute()

    expected = (common / either)[:2]
    assert list(metrics.per_class["boundary_iou"].values()) == pytest.approx([*expected, math.nan], nan_ok=True)
    assert metrics.values == pytest.approx({"mean_boundary_iou": expected.mean()})
    assert 0.1 < expected.mean() < 0.9


def test_a_target_as_its_own_result_is_perfect_whatever_is_predicted_on_void():
    evaluator = BoundaryIoU(CLASSES, dilation_ratio=RATIO)
    for number, (_, target) in enumerate(images()):
        evaluator.add(SemanticResult(target.segment_map.long().clamp(min=0)), target, number)

    assert evaluator.compute().values == {"mean_boundary_iou": 1.0}


def test_two_processes_are_as_good_as_one():
    first, second, whole = (BoundaryIoU(CLASSES) for _ in range(3))
    for number, (result, target) in enumerate(images()):
        whole.add(result, target, number)
        (first, second)[number % 2].add(result, target, number)

    first.merge(second.state())

    assert first.compute().values == whole.compute().values


def test_nothing_to_measure_is_nan():
    assert math.isnan(BoundaryIoU(CLASSES).compute().values["mean_boundary_iou"])
