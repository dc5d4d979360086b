"""Regions of predictions and targets that belong together."""

import numpy as np

from segkit.results.matching import match_regions
from segkit.results.regions import Region


def region(left, right, label=0):
    mask = np.zeros((2, 12), dtype=bool)
    mask[:, left:right] = True
    return Region(mask, label, (0, 0, 0))


def test_each_region_is_matched_once_by_the_best():
    found = match_regions([region(0, 7), region(0, 8), region(9, 12)], [region(0, 8), region(9, 12)])
    assert [(match.prediction, match.target, match.iou) for match in found] == [(1, 0, 1.0), (2, 1, 1.0)]


def test_half_of_the_union_is_not_enough_and_classes_must_agree():
    assert match_regions([region(0, 4)], [region(0, 8)]) == []
    assert match_regions([region(0, 8, label=1)], [region(0, 8)]) == []


def test_regions_without_pixels_match_nothing():
    assert match_regions([region(0, 0)], [region(0, 0), region(0, 4)]) == []
