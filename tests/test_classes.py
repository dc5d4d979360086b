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


GOOD = Classes.make(["a", "b"]).to_dict()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "must be a mapping"),
        ({}, "'names' must be a list of texts that are not empty"),
        (GOOD | {"names": ["a", ""]}, "'names' must be a list of texts that are not empty"),
        (GOOD | {"names": []}, "'names' must be a list of texts that are not empty"),
        (GOOD | {"names": ["a", "a"]}, "two classes have the name 'a'"),
        (GOOD | {"ids": [3, 3]}, "two classes have the id 3"),
        (
            GOOD | {"names": GOOD["things"], "things": GOOD["names"]},
            "'names' must be a list of texts that are not empty",
        ),
        (GOOD | {"things": [True]}, "'things' has 1 value for 2 names"),
        (GOOD | {"things": [1, 0]}, "'things' must be a list of true and false"),
        (GOOD | {"things": None}, "'things' must be a list of true and false"),
        (GOOD | {"ids": GOOD["things"]}, "'ids' must be a list of integers"),
        (GOOD | {"ids": [0, 1, 2]}, "'ids' has 3 values for 2 names"),
        (GOOD | {"colors": [[0, 0, 256]] * 2}, "'colors' must be a list of colors [R, G, B], each 0 to 255"),
        (GOOD | {"colors": [[0, 0]] * 2}, "'colors' must be a list of colors [R, G, B], each 0 to 255"),
        (GOOD | {"colors": [0, 0]}, "'colors' must be a list of colors [R, G, B], each 0 to 255"),
    ],
)
def test_a_class_list_that_says_nonsense_is_refused(data, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared in full
        Classes.from_dict(data)
    assert str(caught.value) == message
