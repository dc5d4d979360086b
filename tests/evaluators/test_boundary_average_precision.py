import numpy as np
import pytest
import torch

from segkit.classes import Classes
from segkit.evaluators.average_precision import AveragePrecision
from segkit.evaluators.boundary_average_precision import BoundaryAveragePrecision
from segkit.ops.boundaries import boundary_width
from segkit.types import InstanceResult, Target
from tests.helpers.boundaries import slow_boundary

SIZE = (40, 50)
COUNT = 12
CLASSES = Classes.make([f"class {number}" for number in range(COUNT)])


def square(top, left, side):
    mask = torch.zeros(SIZE, dtype=torch.bool)
    mask[top : top + side, left : left + side] = True
    return mask


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def test_equal_to_plain_loops():
    """One instance per class: its AP is the fraction of the ten thresholds that its IoU reaches."""
    masks = torch.stack([square(4 + number, 3, 20) for number in range(COUNT)])
    found = torch.stack([masks[number].roll(number // 2, 1) for number in range(COUNT)])
    labels, scores = torch.arange(COUNT), torch.linspace(0.9, 0.5, COUNT)
    by_masks, by_boundaries = AveragePrecision(CLASSES), BoundaryAveragePrecision(CLASSES, dilation_ratio=0.05)
    for evaluator in (by_masks, by_boundaries):
        evaluator.add(InstanceResult(labels, scores, found), Target(labels, overlapping_masks=masks), 1)

    width = boundary_width(SIZE, 0.05)
    thresholds = np.linspace(0.5, 0.95, 10)
    expected = []
    for one, other in zip(masks.numpy(), found.numpy(), strict=True):
        smaller = min(iou(one, other), iou(slow_boundary(one, width), slow_boundary(other, width)))
        expected.append((thresholds <= smaller).mean())
    per_class = by_boundaries.compute().per_class["boundary_ap"]

    assert list(per_class.values()) == pytest.approx(expected)
    assert by_boundaries.compute().values["boundary_ap"] == pytest.approx(np.mean(expected))
    assert 0 < np.mean(expected) < by_masks.compute().values["ap"] < 1


def test_a_target_as_its_own_result_is_perfect():
    masks = torch.stack([square(0, 0, 15), square(10, 10, 30), square(12, 30, 10)])
    labels = torch.tensor([0, 0, 5])
    evaluator = BoundaryAveragePrecision(CLASSES)

    evaluator.add(InstanceResult(labels, torch.tensor([0.9, 0.8, 0.7]), masks), Target(labels, None, masks), 1)

    values = evaluator.compute().values
    assert values["boundary_ap"] == values["boundary_ar"] == pytest.approx(1.0)
    assert list(values)[:3] == ["boundary_ap", "boundary_ap50", "boundary_ap75"]


def test_a_crowd_excuses_what_lies_on_it_though_its_boundary_is_elsewhere():
    masks = torch.stack([square(0, 0, 10), square(12, 12, 28)])
    target = Target(torch.tensor([1, 1]), overlapping_masks=masks, is_crowd=torch.tensor([False, True]))
    evaluator = BoundaryAveragePrecision(CLASSES)

    found = torch.stack([square(22, 22, 8), masks[0]])
    evaluator.add(InstanceResult(torch.tensor([1, 1]), torch.tensor([0.9, 0.8]), found), target, 1)

    assert evaluator.compute().values["boundary_ap"] == pytest.approx(1.0)


def test_two_processes_are_as_good_as_one():
    first, second, whole = (BoundaryAveragePrecision(CLASSES) for _ in range(3))
    for number in range(4):
        mask = square(number, number, 20)[None]
        result = InstanceResult(torch.tensor([0]), torch.tensor([0.5]), mask.roll(number // 2, 1))
        target = Target(torch.tensor([0]), overlapping_masks=mask)
        whole.add(result, target, number)
        (first, second)[number % 2].add(result, target, number)

    first.merge(second.state())

    assert first.compute().values == pytest.approx(whole.compute().values, nan_ok=True)
