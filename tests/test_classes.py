"""The class list as a value."""

import json

import pytest

from segkit.classes import Classes, distinct_colors
from segkit.errors import DataError


def test_what_is_not_given_is_filled_in():
    classes = Classes.make(["a", "b"])
    assert classes == Classes(("a", "b"), (True, True), distinct_colors(2), (0, 1))
    assert len(classes) == 2


def test_things_are_countable_or_all_classes_where_there_is_no_thing():
    assert Classes.make(["a", "b"], [True, False]).countable == (True, False)
    assert Classes.make(["a", "b"], [False, False]).countable == (True, True)
    assert Classes.make([]).countable == ()


def test_colors_are_distinct():
    assert len(set(distinct_colors(150))) == 150


def test_there_and_back_through_a_dict():
    classes = Classes.make(["a", "b"], [True, False], [(1, 2, 3), (4, 5, 6)], [7, 9])
    assert Classes.from_dict(json.loads(json.dumps(classes.to_dict()))) == classes


def test_a_name_has_an_index():
    assert Classes.make(["road", "car"]).index("car") == 1


def test_an_unknown_name_is_refused_with_a_suggestion():
    with pytest.raises(DataError, match=r"^there is no class 'cat'\. Did you mean 'car'\? There are: road, car$"):
        Classes.make(["road", "car"]).index("cat")
    many = ", ".join(f"c{index}" for index in range(20))
    with pytest.raises(DataError, match=rf"^there is no class 'zebra'\. There are: {many}, …$"):
        Classes.make([f"c{index}" for index in range(21)]).index("zebra")
