"""Images in which void stands for a class."""

import pytest

from segkit.classes import Classes
from segkit.data.survey import survey_dataset
from segkit.data.survey_findings import findings_of
from segkit.data.void_for_class import ImageClasses, void_for_class
from tests.helpers.counted import Listed, mapped

TWO = Classes.make(["background", "object"])
MANY = Classes.make(["sky", "road", "car", "tree"])

LIKE_0_1 = ((0, 1), False)
LIKE_0_255 = ((0,), True)
EMPTY = ((0,), False)
WITH_BORDER = ((0, 1), True)


def found(classes, *images):
    return void_for_class(classes, [ImageClasses(f"{place}.png", *one) for place, one in enumerate(images)])


def test_half_of_the_masks():
    assert found(TWO, LIKE_0_255, LIKE_0_1, LIKE_0_255, LIKE_0_1) == (
        "2 of the 4 images that were read have void beside the class 'background' and nothing else (0.png, 2.png), and "
        "2 have the class 'object' and no void. If void is 'object' there, as in masks of 0 and 255 beside others of 0 "
        "and 1, store the same ids in all label files, or map the ids of both to it."
    )


@pytest.mark.parametrize(
    ("classes", "images"),
    [
        (TWO, [LIKE_0_255] + 9 * [LIKE_0_1]),
        (TWO, 9 * [LIKE_0_255] + [LIKE_0_1]),
        (TWO, [LIKE_0_255, LIKE_0_1, EMPTY, LIKE_0_1]),
        (TWO, [((), True), LIKE_0_1]),  # a mask of 255 alone
        (Classes.make(["object"]), [((), True), ((0,), False)]),
        (MANY, 2 * [((0,), True)] + [((0, 1), False), ((0, 2, 3), False), ((0, 3), False)]),
    ],
)
def test_others_of_the_kind(classes, images):
    assert "If void is" in found(classes, *images)


@pytest.mark.parametrize(
    ("classes", "images"),
    [
        (TWO, []),
        (TWO, [LIKE_0_255]),
        (TWO, 4 * [LIKE_0_1] + 4 * [EMPTY]),
        (TWO, 4 * [WITH_BORDER] + 4 * [LIKE_0_255]),  # all images have void, such as at their borders
        (MANY, [((0,), True)] + 30 * [((0, 1, 2), False)]),  # chance
        (MANY, 3 * [((0,), True)] + 3 * [((1, 2), False)]),  # other places
        (MANY, [((0,), True), ((1,), True), ((0, 2), False)]),
    ],
)
def test_images_as_they_should_be(classes, images):
    assert found(classes, *images) == ""


def test_a_survey_tells_it():
    dataset = Listed([mapped([0, -1]), mapped([0, 1])])
    texts = [one.text for one in findings_of("data.train", dataset, survey_dataset(dataset))]
    assert any(text.startswith("1 of the 2 images that were read has void beside the class") for text in texts)
