"""What is drawn of a result, in which order and color."""

import torch

from segkit.classes import Classes
from segkit.results.regions import regions_of
from segkit.types import InstanceResult, PanopticResult, PanopticSegment

CLASSES = Classes.make(
    ["sky", "car", "person"], things=[False, True, True], colors=[(0, 0, 200), (200, 0, 0), (0, 200, 0)]
)


def test_segments_of_one_class_differ_in_shade():
    segment_map = torch.tensor([[1, 1, 5]], dtype=torch.int32)
    two_cars = PanopticResult(segment_map, [PanopticSegment(1, 1, True, 0.95), PanopticSegment(5, 1, True, 0.85)])

    shades = {region.color for region in regions_of(two_cars, CLASSES)}

    assert len(shades) == 2
    assert CLASSES.colors[1] in shades


def test_a_hundred_segments_of_one_class_are_not_of_one_color():
    masks = torch.zeros(100, 10, 10, dtype=torch.bool)
    masks.view(100, 100).fill_diagonal_(True)
    result = InstanceResult(torch.ones(100, dtype=torch.int64), torch.full((100,), 0.5), masks)

    assert len({region.color for region in regions_of(result, CLASSES)}) > 50


def test_stuff_has_no_score_and_larger_segments_come_first():
    segment_map = torch.tensor([[1, 2, 2, 2]], dtype=torch.int32)
    segments = [PanopticSegment(1, 1, True, 0.75), PanopticSegment(2, 0, False, 0.9)]

    regions = regions_of(PanopticResult(segment_map, segments), CLASSES)

    assert [(region.label, region.area, region.score) for region in regions] == [(0, 3, None), (1, 1, 0.75)]


def test_a_score_of_exactly_one_is_that_of_a_target():
    segment_map = torch.ones(1, 1, dtype=torch.int32)

    (region,) = regions_of(PanopticResult(segment_map, [PanopticSegment(1, 1, True, 1.0)]), CLASSES)

    assert region.score is None
