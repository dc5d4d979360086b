"""Objects keep their numbers and colors; what the documentation says of switches is measured."""

import numpy as np

from segkit.video.tracker import PATIENCE, Tracker
from tests.helpers.videos import disks


def follow(frames):
    """Returns the number and color of each object in each frame, `[{name: (number, color)}]`."""
    tracker, seen = Tracker(), []
    for places in frames:
        regions = disks(places)
        tracker.update(list(regions.values()))
        seen.append({name: (region.number, region.color) for name, region in regions.items() if region.area})
    return seen


def switches(seen):
    """How often an object has another number than when it was last seen."""
    last, count = {}, 0
    for frame in seen:
        for name, (number, _) in frame.items():
            count += last.get(name, number) != number
            last[name] = number
    return count


def test_objects_beside_each_other_keep_number_and_color():
    seen = follow([{"a": (20 + 3 * t, 30), "b": (60 + 3 * t, 35), "c": (150 - 3 * t, 90)} for t in range(30)])
    assert switches(seen) == 0
    for name in "abc":
        assert len({frame[name] for frame in seen}) == 1
    assert len({frame_color for _, frame_color in seen[0].values()}) == 3


def test_one_that_is_never_quite_hidden_keeps_its_number():
    seen = follow([{"behind": (40 + 2 * t, 60), "before": (100, 70)} for t in range(60)])
    assert switches(seen) == 0
    assert all("behind" in frame for frame in seen)


def test_what_the_module_says_that_it_cannot_do():
    """Measured, so that the documentation stays true and a better tracker shows here."""
    hidden = follow([{"behind": (40 + 2 * t, 60), "before": (100, 60)} for t in range(60)])
    through = follow([{"a": (40 + 4 * t, 60), "b": (160 - 4 * t, 60)} for t in range(30)])
    fast = follow([{"a": (20 + 25 * t, 60)} for t in range(7)])
    assert (switches(hidden), switches(through), switches(fast)) == (1, 1, 6)


def test_a_new_object_gets_a_new_number_and_a_lost_one_is_forgotten():
    still = {"a": (30, 30)}
    seen = follow([still, still | {"b": (120, 60)}, *[still] * (PATIENCE + 1), still | {"c": (120, 60)}])
    assert seen[0]["a"][0] == seen[-1]["a"][0] == 1
    assert (seen[1]["b"][0], seen[-1]["c"][0]) == (2, 3)
    seen = follow([still, still | {"b": (120, 60)}, *[still] * (PATIENCE - 1), still | {"c": (120, 60)}])
    assert seen[-1]["c"][0] == 2


def test_other_classes_and_stuff_do_not_go_on():
    tracker = Tracker()
    first, second = disks({"a": (50, 50)})["a"], disks({"a": (50, 50)})["a"]
    second.label = 1
    stuff = disks({"a": (50, 50)})["a"]
    stuff.is_instance = False
    tracker.update([first])
    tracker.update([second, stuff])
    assert (first.number, second.number, stuff.number) == (1, 2, None)


def test_regions_without_pixels_have_no_number():
    region = disks({"a": (50, 50)})["a"]
    region.mask = np.zeros_like(region.mask)
    Tracker().update([region])
    assert region.number is None
