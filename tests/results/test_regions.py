"""What is drawn of a result, and in which order."""

import torch

from segkit.classes import Classes
from segkit.results.regions import regions_of
from segkit.types import PanopticResult, PanopticSegment

CLASSES = Classes.make(["sky", "car"], things=[False, True])


def test_stuff_has_no_score_and_larger_segments_come_first():
    segment_map = torch.tensor([[1, 2, 2, 2]], dtype=torch.int32)
    segments = [PanopticSegment(1, 1, True, 0.75), PanopticSegment(2, 0, False, 0.9)]

    regions = regions_of(PanopticResult(segment_map, segments), CLASSES)

    assert [(region.label, region.area, region.score) for region in regions] == [(0, 3, None), (1, 1, 0.75)]


def test_a_score_of_exactly_one_is_that_of_a_target():
    segment_map = torch.ones(1, 1, dtype=torch.int32)

    (region,) = regions_of(PanopticResult(segment_map, [PanopticSegment(1, 1, True, 1.0)]), CLASSES)

    assert region.score is None
