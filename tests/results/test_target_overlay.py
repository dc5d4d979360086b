"""Targets drawn over their images, before and after transforms."""

from dataclasses import replace

import numpy as np
import torch

from segkit.classes import Classes
from segkit.ops.targets import select_segments
from segkit.results import target_overlay
from segkit.results.target_overlay import transformed_overlays
from segkit.transforms.random_crop import RandomCrop
from segkit.transforms.random_flip import RandomFlip
from segkit.types import Sample, Target

CLASSES = Classes.make(["sky", "car"], things=[False, True], colors=[(0, 0, 200), (200, 0, 0)])


def two_cars():
    """A small car at the left, a large one at the right, and sky."""
    segment_map = torch.zeros(400, 500, dtype=torch.int32)
    segment_map[300:, :100] = 1
    segment_map[200:, 200:] = 2
    return Sample(torch.zeros(3, 400, 500, dtype=torch.uint8), Target(torch.tensor([0, 1, 1]), segment_map), "a.png", 1)


def colors_of(monkeypatch, before, after):
    """Returns the colors of the segments of both samples."""
    drawn = []
    monkeypatch.setattr(target_overlay, "draw_regions", lambda image, regions, *_: drawn.append(regions))
    transformed_overlays(before, after, CLASSES)
    return [{one.segment: one.color for one in regions if one.area} for regions in drawn]


def test_each_segment_keeps_its_color(monkeypatch):
    sample = two_cars()
    for change in (lambda one: RandomCrop(size=(200, 150))(RandomFlip(probability=1)(one)), lambda one: one):
        before, after = colors_of(monkeypatch, sample, change(sample))
        assert len(set(before.values())) == 3
        assert before.items() >= after.items()
    # The larger car has the color of the class, also where the smaller one alone is left.
    left = replace(
        sample, image=sample.image[..., :150], target=Target(sample.target.labels, sample.target.segment_map[:, :150])
    )
    before, after = colors_of(monkeypatch, sample, left)
    assert before[3] == (200, 0, 0)
    assert after == {1: before[1], 2: before[2]}


def test_where_a_transform_removes_segments_the_colors_are_chosen_anew(monkeypatch):
    sample = two_cars()
    fewer = select_segments(sample.target, torch.tensor([True, True, False]))
    _, after = colors_of(monkeypatch, sample, replace(sample, target=fewer))
    assert after == {1: (0, 0, 200), 2: (200, 0, 0)}


def test_the_drawings_have_a_legend():
    sample = two_cars()
    before, after = transformed_overlays(sample, sample, CLASSES)
    assert before.size > (500, 400)
    assert np.array_equal(np.asarray(before), np.asarray(after))
