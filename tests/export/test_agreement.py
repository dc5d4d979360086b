import torch

from segkit.export.agreement import agreement
from segkit.types import InstanceResult, PanopticResult, PanopticSegment

LEFT = torch.tensor([[True, True, False, False]])


def instances(*masks, labels=None):
    labels = [0] * len(masks) if labels is None else labels
    stacked = torch.stack(masks) if masks else torch.zeros(0, 1, 4, dtype=torch.bool)
    return InstanceResult(torch.tensor(labels, dtype=torch.int64), torch.ones(len(masks)), stacked)


def test_the_order_of_instances_does_not_matter():
    assert agreement(instances(LEFT, ~LEFT), instances(~LEFT, LEFT)) == 1


def test_instances_that_one_result_lacks():
    assert agreement(instances(LEFT), instances(LEFT, ~LEFT)) == 2 / 3
    assert agreement(instances(LEFT), instances()) == 0
    assert agreement(instances(), instances()) == 1


def test_instances_of_other_classes():
    assert agreement(instances(LEFT), instances(LEFT, labels=[1])) == 0


def test_segments():
    segments = torch.tensor([[1, 1, 2, 0]], dtype=torch.int32)
    one, two = (PanopticSegment(1, 4, True, 0.5), PanopticSegment(2, 5, True, 0.5))
    result = PanopticResult(segments, [one, two])
    assert agreement(result, PanopticResult(segments, [one, two])) == 1
    assert agreement(result, PanopticResult(segments, [one, PanopticSegment(2, 6, True, 0.5)])) < 1
    assert agreement(result, PanopticResult(torch.zeros(1, 4, dtype=torch.int32), [])) == 0.25
