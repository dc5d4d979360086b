import math

import pytest
import torch

from segkit.classes import Classes
from segkit.evaluators.panoptic_quality import PanopticQuality
from segkit.evaluators.pq_st import PQSt
from segkit.types import NO_SEGMENT, PanopticResult, PanopticSegment, SemanticResult, Target

CLASSES = Classes.make(["sky", "road", "car", "tree"])


def images(count=30):
    """(result, target, image id): blocks of classes and of void, the result with errors."""
    generator = torch.Generator().manual_seed(0)
    for number in range(count):
        blocks = torch.randint(NO_SEGMENT, 3, (4, 4), generator=generator)
        target = blocks.repeat_interleave(3, 0).repeat_interleave(3, 1)
        noise = torch.randint(0, 4, target.shape, generator=generator)
        kept = torch.rand(target.shape, generator=generator) < 0.8
        result = torch.where(kept, target.clamp(min=0), noise)
        yield SemanticResult(result), Target(torch.tensor([0, 1, 2]), target.to(torch.int32)), number


def one_segment_per_class(label_map):
    labels = label_map.unique().tolist()
    segments = [PanopticSegment(label + 1, label, False, 1.0) for label in labels]
    return PanopticResult((label_map + 1).to(torch.int32), segments)


def test_it_is_panoptic_quality_with_one_segment_per_class():
    semantic, panoptic = PQSt(CLASSES), PanopticQuality(CLASSES)
    for result, target, number in images():
        semantic.add(result, target, number)
        there = target.segment_map.unique()
        labels = there[there >= 0].long()  # the segments that the image has
        places = torch.stack([target.segment_map == label for label in labels]).int()
        segments = torch.where(places.any(0), places.argmax(0), NO_SEGMENT).to(torch.int32)
        panoptic.add(one_segment_per_class(result.label_map), Target(labels, segments), number)

    found, expected = semantic.compute(), panoptic.compute()

    assert found.values == pytest.approx({f"{name}_st": expected.values[name] for name in ("pq", "sq", "rq")})
    assert found.per_class["pq_st"] == pytest.approx(expected.per_class["pq"], nan_ok=True)
    assert 0.1 < found.values["pq_st"] < 0.9


def test_segments_of_one_class_are_one():
    segments = torch.tensor([[0, 0, 1, 1]])
    evaluator = PQSt(CLASSES)

    evaluator.add(SemanticResult(torch.tensor([[2, 2, 2, 2]])), Target(torch.tensor([2, 2]), segments), 1)

    assert evaluator.compute().values == {"pq_st": 1.0, "sq_st": 1.0, "rq_st": 1.0}
    assert evaluator.state()["true_positives"].tolist() == [0, 0, 1, 0]


def test_two_processes_are_as_good_as_one():
    first, second, whole = (PQSt(CLASSES) for _ in range(3))
    for result, target, number in images(6):
        whole.add(result, target, number)
        (first, second)[number % 2].add(result, target, number)

    first.merge(second.state())

    assert first.compute().values == pytest.approx(whole.compute().values)


def test_nothing_to_measure_is_nan():
    assert all(math.isnan(value) for value in PQSt(CLASSES).compute().values.values())
