"""Objects that cross the borders of windows are put together again."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from segkit.classes import Classes
from segkit.inference.segment_merging import Fragment, SegmentMerger
from segkit.inference.segment_windows import Windows, segments_in_windows
from segkit.inference.sliding_window import SlidingWindow
from segkit.postprocessors.panoptic import Panoptic
from segkit.types import InstanceResult, PanopticResult, PanopticSegment

CLASSES = Classes.make(["sky", "car", "tree"], things=[False, True, True])


class Model(torch.nn.Module):
    size_divisor = 8


def scene(size, objects, seed=0):
    """Ids of drawn objects, 1 and up, of which 1 is sky behind all; each has at least 30 pixels in sight."""
    generator = np.random.default_rng(seed)
    image = Image.new("I", size[::-1], 1)
    draw = ImageDraw.Draw(image)
    for number in range(objects):
        width, height = generator.integers(10, 60, 2)
        left, top = (int(generator.integers(-5, length - 5)) for length in size[::-1])
        draw.ellipse((left, top, left + int(width), top + int(height)), fill=number + 2)
    ids = np.array(image)
    areas = np.bincount(ids.ravel())
    return torch.from_numpy(np.where(areas[ids] >= 30, ids, 1).astype(np.int32))


def label_of(number):
    return 0 if number == 1 else 1 + number % 2


def windows_of(ids, side, result_type, damage=lambda ids: ids):
    """A model that sees the target in each window, perhaps damaged; the image carries the ids."""
    spans = SlidingWindow(Model(), side)

    def read(top, bottom):
        return torch.stack([ids[top:bottom] % 256, ids[top:bottom] // 256, ids[top:bottom] * 0]).to(torch.uint8)

    def predict(window, sizes):
        height, width = sizes.unpadded
        seen = damage((window[0, 0].int() + 256 * window[0, 1].int())[:height, :width])
        numbers = [number for number in seen.unique().tolist() if number]
        if result_type is PanopticResult:
            local = torch.zeros_like(seen)
            segments = []
            for place, number in enumerate(numbers, start=1):
                local[seen == number] = place
                label = label_of(number)
                segments.append(PanopticSegment(place, label, CLASSES.things[label], 0.9))
            return PanopticResult(local, segments)
        numbers = [number for number in numbers if number > 1]
        masks = [seen == number for number in numbers]
        masks = torch.stack(masks) if masks else torch.zeros(0, height, width, dtype=torch.bool)
        labels = torch.tensor([label_of(number) for number in numbers], dtype=torch.int64)
        return InstanceResult(labels, torch.full((len(numbers),), 0.9), masks)

    size = tuple(ids.shape)
    return Windows(read, size, size, spans, predict)


def merged(ids, side, result_type, **options):
    postprocessor = Panoptic(CLASSES) if result_type is PanopticResult else SimpleNamespace(result_type=InstanceResult)
    return segments_in_windows(windows_of(ids, side, result_type, **options), postprocessor, CLASSES)


def iou(one, other):
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("side", [64, 96])
@pytest.mark.parametrize("seed", [0, 1])
def test_instances_across_windows_are_those_of_the_whole_image(side, seed):
    ids = scene((190, 260), 25, seed)
    result = merged(ids, side, InstanceResult)
    expected = {number: ids == number for number in ids.unique().tolist() if number > 1}
    assert len(result.labels) == len(expected)
    for number, mask in expected.items():
        same = [place for place, found in enumerate(result.masks) if torch.equal(found, mask)]
        assert len(same) == 1, number
        assert result.labels[same[0]] == label_of(number)
        assert result.scores[same[0]] == pytest.approx(0.9)


@pytest.mark.parametrize("side", [64, 96])
def test_panoptic_segments_across_windows_are_those_of_the_whole_image(side):
    ids = scene((190, 260), 25, seed=2)
    result = merged(ids, side, PanopticResult)
    pairs = torch.stack([ids, result.segment_map]).flatten(1).unique(dim=1).T.tolist()
    assert len(pairs) == len(result.segments) == len(ids.unique())
    assert {number: label_of(target) for target, number in pairs} == {one.id: one.label for one in result.segments}
    assert [one.id for one in result.segments] == list(range(1, len(pairs) + 1))
    assert [one.is_thing for one in result.segments].count(False) == 1


def test_outlines_that_differ_between_windows_still_meet():
    """The masks of each window are moved by up to two pixels, and slivers at its border are not found."""
    ids = scene((260, 320), 30, seed=3)
    generator = np.random.default_rng(0)

    def damage(seen):
        moved = seen.roll(tuple(generator.integers(-2, 3, 2).tolist()), (0, 1))
        areas = moved.flatten().bincount()
        return torch.where(areas[moved.long()] >= 20, moved, 0)

    result = merged(ids, 128, PanopticResult, damage=damage)
    target = [ids == number for number in ids.unique().tolist() if number > 1]
    found = [result.segment_map == one.id for one in result.segments if one.is_thing]
    matched = [best for best in (max(iou(mask, one) for one in found) for mask in target) if best > 0.5]
    quality = sum(matched) / ((len(target) + len(found)) / 2)
    assert len(matched) >= 0.95 * len(target)
    assert quality > 0.8


def fragment(left, right, label=1, score=0.9, bottom=4):
    return Fragment(label, score, (0, left, bottom, right), np.ones((bottom, right - left), bool))


def groups(*windows):
    merger = SegmentMerger([False] * 3)
    for box, fragments in windows:
        merger.add(box, fragments)
    return merger.groups()


def test_two_objects_that_a_window_sees_as_one_bit_stay_two():
    """The left window sees two cars above each other, the right one a single bit of both."""
    above = Fragment(1, 0.9, (0, 0, 4, 10), np.ones((4, 10), bool))
    below = Fragment(1, 0.9, (4, 0, 7, 10), np.ones((3, 10), bool))
    bit = Fragment(1, 0.9, (0, 8, 7, 11), np.ones((7, 3), bool))
    assert groups(((0, 0, 8, 10), [below, above]), ((0, 8, 8, 18), [bit])) == [0, 1, 1]


def test_what_is_not_merged():
    left, right = (0, 0, 4, 10), (0, 6, 4, 16)
    assert groups((left, [fragment(2, 10)]), (right, [fragment(6, 14)])) == [0, 0]
    assert groups((left, [fragment(2, 10)]), (right, [fragment(6, 14, label=2)])) == [0, 1]
    assert groups((left, [fragment(2, 8)]), (right, [fragment(8, 14)])) == [0, 1]  # side by side
    assert groups((left, [fragment(2, 7)]), (right, [fragment(6, 9)])) == [0, 0]  # all that the left one has there
    assert groups((left, [fragment(2, 8)]), (right, [fragment(7, 10)])) == [0, 0]  # half of the smaller one
    assert groups((left, [fragment(2, 7)]), ((0, 4, 4, 16), [fragment(6, 14)])) == [0, 1]  # less than half


def test_the_score_is_weighted_by_pixels():
    ids = torch.ones(8, 20, dtype=torch.int32)
    ids[:, 4:18] = 2
    windows = windows_of(ids, 16, InstanceResult)
    predict, scores = windows.predict, iter([0.6, 0.9])

    def scored(window, sizes):
        result = predict(window, sizes)
        return InstanceResult(result.labels, torch.tensor([next(scores)]), result.masks)

    windows.predict = scored
    result = segments_in_windows(windows, SimpleNamespace(result_type=InstanceResult), CLASSES)
    assert result.scores.tolist() == pytest.approx([(0.6 * 12 * 8 + 0.9 * 14 * 8) / (26 * 8)])


@pytest.mark.parametrize("result_type", [InstanceResult, PanopticResult])
def test_a_result_has_the_size_of_the_image_before_its_transforms(result_type):
    ids = scene((96, 128), 8, seed=4)
    windows = windows_of(ids, 64, result_type)
    windows.output = (48, 64)
    postprocessor = Panoptic(CLASSES) if result_type is PanopticResult else SimpleNamespace(result_type=InstanceResult)
    result = segments_in_windows(windows, postprocessor, CLASSES)
    assert result.size == (48, 64)
    whole = merged(ids, 64, result_type)
    if result_type is PanopticResult:
        assert torch.equal(result.segment_map > 1, whole.segment_map[1::2, 1::2] > 1)
    else:
        assert torch.equal(result.masks.any(0), whole.masks.any(0)[1::2, 1::2])
