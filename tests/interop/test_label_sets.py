"""Known label sets are recognized by their names, as programs write these."""

from pathlib import Path

import pytest

from segkit.data.class_list import read_classes
from segkit.interop.label_sets import LABEL_SETS, known_things

TABLES = Path(__file__).parents[2] / "configs/classes"


@pytest.mark.parametrize("label_set", LABEL_SETS)
def test_each_label_set_is_itself(label_set):
    known = read_classes(TABLES / f"{label_set}.csv")
    assert any(known.things)
    assert not all(known.things)
    assert known_things(known.names) == (label_set, known.things)


def test_first_names_count():
    """ADE20K's names have synonyms, of which transformers' files keep the first."""
    known = read_classes(TABLES / "ade20k_150.csv")
    shortened = [name.split(",")[0].capitalize() + " " for name in known.names]
    assert known_things(shortened) == ("ade20k_150", known.things)


def test_few_names_may_differ():
    known = read_classes(TABLES / "coco_panoptic.csv")
    assert (len(known), sum(known.things)) == (133, 80)
    assert known_things(["x"] * 13 + list(known.names[13:])) == ("coco_panoptic", known.things)
    assert known_things(["x"] * 14 + list(known.names[14:])) is None
    assert known_things(list(reversed(known.names))) is None
    assert known_things([f"LABEL_{index}" for index in range(133)]) is None
