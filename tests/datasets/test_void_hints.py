"""Explanations of classes that never occur: with the settings that they name, the label files are read rightly."""

import re

import numpy as np
import pytest
import yaml

from segkit.classes import Classes
from segkit.datasets._label_ids import class_index_table
from segkit.datasets._void_hints import explain_void


def explain(names, pixels, label_map=None, void=None):
    """The explanation for a dataset with `pixels`, id -> number of pixels."""
    classes, table = class_index_table(Classes.make(names, [False] * len(names)), label_map, void)
    counts = np.zeros(65536, dtype=np.int64)
    counts[list(pixels)] = list(pixels.values())
    return explain_void(classes, table, counts, label_map)


def test_an_object_stored_as_255():
    assert explain(["background", "object"], {0: 60, 255: 40}) == (
        "no pixel has the id 1 (object), and 40 % have the id 255, which is void. If 255 is object, set void: [] and "
        "label_map: {0: background, 255: object}."
    )


def test_an_object_stored_as_255_as_the_only_class():
    assert explain(["object"], {0: 60, 255: 40}) == (
        "all pixels have the id 0 (object), the only class, except 40 % with the id 255, which is void: there is "
        "nothing to tell apart. If 255 is object and 0 the background, set classes: [background, object], void: [] and "
        "label_map: {0: background, 255: object}."
    )


def test_a_background_that_was_declared_void():
    assert explain(["background", "object"], {0: 999, 1: 1}, void=0, label_map={"1": "object"}) == (
        "the label map gives no id to background, and 99.9 % have the id 0, which is void. If 0 is background, set "
        "void: [] and label_map: {0: background, 1: object}."
    )


def test_several_absent_classes():
    assert explain(["a", "b", "c"], {0: 1, 255: 1}) == (
        "no pixel has the id 1 (b), 2 (c), and 50 % have the id 255, which is void. If 255 is one of these classes, "
        "say so in 'label_map'."
    )


@pytest.mark.parametrize(
    ("names", "pixels", "settings"),
    [
        (["background", "object"], {0: 60, 1: 40}, {}),
        (["background", "object"], {0: 60, 1: 30, 255: 10}, {}),
        (["background", "object"], {0: 100}, {}),  # absent, but nothing that could be it
        (["background", "object"], {0: 60, 255: 40}, {"void": [], "label_map": {"0": "background", "255": "object"}}),
    ],
)
def test_nothing_odd(names, pixels, settings):
    assert explain(names, pixels, **settings) == ""


@pytest.mark.parametrize(
    ("names", "pixels", "label_map", "said"),
    [
        (
            ["background", "object"],
            {0: 60, 255: 40},
            {"0": "background", "default": "void"},
            "the label map gives no id to object, and 40 % have the id 255, which the label map makes void. If 255 is "
            "object, set void: [] and label_map: {0: background, 255: object, default: void}.",
        ),
        (
            ["object"],
            {0: 60, 1: 40},
            {"1": "object", "0": "void"},
            "all pixels have the id 1 (object), the only class, except 60 % with the id 0, which the label map makes "
            "void: there is nothing to tell apart. If 1 is object and 0 the background, set classes: [background, "
            "object], void: [] and label_map: {0: background, 1: object}.",
        ),
        (
            ["background", "object"],
            {0: 60, 255: 40},
            {"1": "object", "0": "void"},
            "no pixel has the id 1 (object) and the label map gives no id to background, and 60 % have the id 0 (and "
            "others 255), which the label map makes void. If 255 is object and 0 is background, set void: [] and "
            "label_map: {0: background, 1: object, 255: object}.",
        ),
        (
            ["a", "b", "c"],
            {0: 60, 5: 40},
            {"0": "a", "1": "b", "2-9": "void"},
            "no pixel has the id 1 (b) and the label map gives no id to c, and 40 % have the id 5, which the label map "
            "makes void. If 5 is one of these classes, say so in 'label_map'.",
        ),
        (
            ["a", "b"],
            {0: 60, 5: 40},
            {"0": "a", "2-9": "void"},
            "the label map gives no id to b, and 40 % have the id 5, which the label map makes void. If 5 is b, set "
            "void: [] and label_map: {0: a, 2-4: void, 5: b, 6-9: void}.",
        ),
    ],
)
def test_beside_a_label_map(names, pixels, label_map, said):
    assert explain(names, pixels, label_map) == said


def test_ids_left_out_on_purpose_are_taken_for_no_class():
    label_map = {"0": "a", "3": "b", "7": "fence", "default": "void"}
    assert explain(["a", "b", "fence"], {0: 60, 3: 20, 5: 15, 6: 5}, label_map) == ""


IDS = ({0: 60, 255: 40}, {0: 60, 1: 40}, {0: 60, 1: 30, 255: 10}, {0: 60, 3: 40})
MAPS = (
    None,
    {"0": "background", "default": "void"},
    {"1": "object", "0": "void"},
    {"255": "object", "default": "void"},
    {"0": "object", "1": "background"},
    {"0": "object", "1": "void", "255": "void"},
    {"1": "background", "0": "void"},
    {"1-255": "void", "0": "background"},
)


@pytest.mark.parametrize("pixels", IDS)
@pytest.mark.parametrize("label_map", MAPS)
@pytest.mark.parametrize("names", [["background", "object"], ["object", "background"], ["object"]])
def test_what_is_suggested_is_read_and_not_inverted(names, label_map, pixels):
    if label_map is not None and len(names) == 1:
        label_map = {key: value for key, value in label_map.items() if value != "background"} or None
    said = explain(names, pixels, label_map)
    suggestion = re.search(r"(classes: \[.*?\])?,? ?void: \[\] and label_map: (\{.*?\})\.", said)
    if suggestion is None:
        return
    names = yaml.safe_load(suggestion[1])["classes"] if suggestion[1] else names
    found = {str(key): value for key, value in yaml.safe_load(suggestion[2]).items()}
    _, table = class_index_table(Classes.make(names, [False] * len(names)), found, [])
    meaning = {stored: names[table[stored]] if table[stored] >= 0 else int(table[stored]) for stored in pixels}
    assert meaning[0] == "background"
    others = {stored: meaning[stored] for stored in pixels if stored}
    assert "object" in others.values()
    assert set(others.values()) <= {"object", -1}  # void, for 255 beside 1


@pytest.mark.parametrize("missing", [True, False])
def test_a_rare_class_is_not_stored_as_0(missing):
    names, pixels = ["a", "b", "c"], {0: 60, 1: 20, 2: 20, **({} if missing else {3: 5})}
    classes, table = class_index_table(Classes.make(names, ids=[1, 2, 3], void=[0]), None, None)
    counts = np.zeros(65536, dtype=np.int64)
    counts[list(pixels)] = list(pixels.values())
    assert explain_void(classes, table, counts) == ""
