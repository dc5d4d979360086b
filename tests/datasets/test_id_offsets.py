"""Label files whose ids seem to be off by one."""

import numpy as np
import pytest

from segkit.classes import Classes
from segkit.datasets._id_offsets import explain_offset
from segkit.datasets._label_ids import class_index_table

NAMES = ["road", "car", "bus"]


def explain(pixels, names=NAMES, ids=None, void=None, label_map=None):
    """The explanation for a dataset with `pixels`, id -> number of pixels."""
    classes, table = class_index_table(Classes.make(names, [False] * len(names), ids=ids), label_map, void)
    counts = np.zeros(65536, dtype=np.int64)
    counts[list(pixels)] = list(pixels.values())
    return explain_offset(classes, table, counts)


def test_files_that_count_from_1():
    mapped = "set label_map: {0: void, 1: road, 2: car, 3: bus}."
    assert explain({0: 5, 1: 5, 2: 5, 3: 5}) == (
        "the label files hold the id 3, one more than the last class has: they seem to count the classes from 1. If "
        f"so, {mapped}"
    )
    assert explain({1: 5, 2: 5}) == (
        "no pixel has the id 0 (road), but all other classes occur. If the label files count the classes from 1, "
        f"{mapped}"
    )
    assert explain({0: 9, 1: 5}) == (
        "no pixel has the id 2 (bus), the last, and most have 0 (road). If 0 is the background in the label files, "
        f"they count the classes from 1: {mapped}"
    )


def test_a_background_that_is_listed_first():
    assert explain({1: 5, 2: 5, 3: 5}, names=["background", "car", "bus"]) == (
        "the label files hold the id 3, one more than the last class has: they seem to count the classes from 1. If "
        "so, set label_map: {0: void, 1: background, 2: car, 3: bus}."
    )


def test_one_class():
    assert explain({0: 5, 1: 5}, names=["person"]) == (
        "the label files hold the ids 0 and 1, but there is one class. If 0 is the background in the label files, name "
        "it first: classes: [background, person]."
    )
    assert explain({1: 5, 255: 5}, names=["person"]) == (
        "the label files hold the id 1, one more than the last class has: they seem to count the classes from 1. If "
        "so, set label_map: {0: void, 1: person}."
    )


def test_files_that_count_from_0():
    assert explain({0: 5, 1: 5, 2: 5}, ids=[1, 2, 3]) == (
        "the label files hold the id 0, which no class has, and no 3 (bus): they seem to count the classes from 0. If "
        "so, set label_map: {0: road, 1: car, 2: bus}."
    )


def test_a_long_label_map_is_cut():
    names = [f"class {number}" for number in range(20)]
    assert explain({0: 1, 20: 1}, names).endswith("6: class 5, 7: class 6, …}.")


@pytest.mark.parametrize(
    ("pixels", "settings"),
    [
        ({0: 5, 1: 5, 2: 5}, {}),
        ({0: 5, 1: 5, 2: 5, 255: 5}, {}),
        ({0: 5, 1: 5, 2: 5, 3: 5, 9: 5}, {}),  # not by one
        ({0: 1, 1: 5}, {}),  # the last class is rare
        ({0: 9, 1: 5}, {"names": ["_background_", "car", "bus"]}),
        ({0: 5, 1: 5, 3: 5}, {"ids": [1, 2, 3]}),  # 0 is something else
        ({7: 5, 8: 5}, {"ids": [7, 8, 9]}),
        ({0: 5}, {"names": ["road"]}),
        ({0: 9, 1: 5, 255: 1}, {}),  # 255 may be the last class
        ({0: 1, 1: 5, 2: 5, 3: 5}, {"names": ["background", "car", "bus"]}),  # a class is missing in the list
    ],
)
def test_other_ids(pixels, settings):
    assert explain(pixels, **settings) == ""
