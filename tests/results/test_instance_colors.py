"""Colors that tell instances apart."""

from itertools import pairwise

import torch

from segkit.classes import Classes
from segkit.results.instance_colors import color_apart
from segkit.results.regions import regions_of
from segkit.types import InstanceResult, PanopticResult, PanopticSegment

CLASSES = Classes.make(
    ["sky", "car", "person"], things=[False, True, True], colors=[(0, 0, 200), (200, 0, 0), (0, 200, 0)]
)


def colors_apart(result):
    regions = regions_of(result, CLASSES)
    color_apart(regions)
    return [region.color for region in regions]


def instances(boxes, size=(100, 100), label=1):
    masks = torch.zeros(len(boxes), *size, dtype=torch.bool)
    for mask, (top, left, bottom, right) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return InstanceResult(torch.full((len(boxes),), label), torch.full((len(boxes),), 0.5), masks)


def test_neighbors_of_one_class_are_far_apart_in_color():
    small, large = colors_apart(instances([(0, 0, 50, 100), (50, 0, 90, 100)]))
    assert large == CLASSES.colors[1]
    assert max(abs(one - other) for one, other in zip(small, large, strict=True)) > 150


def test_of_more_instances_than_colors_those_of_one_color_are_not_neighbors():
    boxes = [(0, 4 * index, 4, 4 * index + 4) for index in range(100)]
    colors = colors_apart(instances(boxes, (4, 400)))
    assert 24 < len(set(colors)) < 100
    assert all(one != other for one, other in pairwise(colors))


def test_instances_differ_from_the_stuff_around_them():
    segment_map = torch.tensor([[1, 2, 2, 2]], dtype=torch.int32)
    sky, car = Classes.make(["sky", "car"], [False, True], [(0, 0, 200), (0, 0, 201)]), PanopticSegment(1, 1, True, 0.5)
    regions = regions_of(PanopticResult(segment_map, [car, PanopticSegment(2, 0, False, 1.0)]), sky)
    color_apart(regions)
    assert regions[0].color == (0, 0, 200)  # of the stuff
    assert sum(regions[1].color) > 250


def test_a_given_color_is_kept_and_avoided():
    regions = regions_of(instances([(0, 0, 50, 100), (50, 0, 90, 100)]), CLASSES)
    color_apart(regions, {0: (200, 0, 0)})
    assert regions[0].color == (200, 0, 0)
    assert regions[1].color != (200, 0, 0)


def test_a_hundred_instances_side_by_side_have_dozens_of_colors():
    masks = torch.zeros(100, 10, 10, dtype=torch.bool)
    masks.view(100, 100).fill_diagonal_(True)
    result = InstanceResult(torch.ones(100, dtype=torch.int64), torch.full((100,), 0.5), masks)
    assert len(set(colors_apart(result))) > 24


def test_instances_without_pixels_are_left_alone():
    assert colors_apart(instances([(0, 0, 0, 0), (0, 0, 0, 0)])) == [(200, 0, 0)] * 2
