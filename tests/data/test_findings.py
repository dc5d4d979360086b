"""What is said about odd datasets: every message in full."""

import pytest

from segkit.data.findings import is_certain, nothing_annotated, suspicions
from segkit.data.sampling import sample_dataset
from segkit.registries import AnnotationCounts
from tests.helpers.counted import Counted, Listed, instances, mapped
from tests.helpers.tiny import empty_target

CROWDS_ADVICE = (
    '("iscrowd": 1), which count neither in training nor in evaluation. Set "iscrowd": 0 for single objects; some '
    "tools write 1 for every mask that is drawn with a brush."
)
EMPTY_ADVICE = "Check that the annotations are those of these images, and that they were exported with masks."
VOID_ADVICE = "Check which ids stand for void, and that the label files belong to these images."
NOTHING = empty_target((1, 4))
BOTH = mapped([0, 0, 1, 1])


PIXELS_ADVICE = "Check that the annotations are in pixels of these images."


def counts(segments, crowds=0, most=1):
    return AnnotationCounts(segments, crowds, most)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Listed([instances(crowds=[1, 1]), NOTHING]), f"all 2 annotations are crowds {CROWDS_ADVICE}"),
        (Listed([instances(crowds=[1])]), f"the only annotation is a crowd {CROWDS_ADVICE}"),
        (Counted([NOTHING] * 99, counts([0, 0], crowds=5)), f"all 5 annotations are crowds {CROWDS_ADVICE}"),
        (Listed([mapped([-1, -1])] * 3), f"all pixels of all 3 images are void. {VOID_ADVICE}"),
        (Listed([NOTHING]), f"there is no annotated segment in the only image. {EMPTY_ADVICE}"),
        (
            Counted([NOTHING] * 99, counts([0, 0])),
            f"there is no annotated segment in any of the 99 images. {EMPTY_ADVICE}",
        ),
        (
            Listed([NOTHING] * 600),
            f"there is no annotated segment in the 512 images looked at (of 600). {EMPTY_ADVICE}",
        ),
        (Listed([BOTH, NOTHING]), ""),
        (Counted([NOTHING] * 99, counts([0, 1])), ""),
        (Counted([NOTHING], counts([0, 1])), f"no annotated segment has a pixel in the only image. {PIXELS_ADVICE}"),
        (
            Counted([NOTHING] * 9, counts([0, 1], crowds=2)),
            f"no annotated segment has a pixel in any of the 9 images. {PIXELS_ADVICE}",
        ),
        (
            Counted([NOTHING] * 600, AnnotationCounts([0, 600], 0, 1, image_classes=[[1]] * 600)),
            f"no annotated segment has a pixel in the 64 images looked at (of 600). {PIXELS_ADVICE}",
        ),
    ],
)
def test_nothing_annotated(dataset, message):
    assert nothing_annotated(sample_dataset(dataset)) == message


def test_what_was_not_looked_at_is_not_certain():
    assert not is_certain(sample_dataset(Listed([NOTHING] * 600)))
    assert is_certain(sample_dataset(Listed([NOTHING] * 60)))
    assert is_certain(sample_dataset(Counted([NOTHING] * 600, counts([0, 0]))))


ONLY = "a model that predicts it everywhere scores 1.0 and has learned nothing."


@pytest.mark.parametrize(
    ("dataset", "messages"),
    [
        (Listed([BOTH]), []),
        (
            Listed([mapped([0, 0, 0, -1])] * 4),
            [
                "the class 'object' (of 2) occurs in no image.",
                f"the class 'background' fills all known pixels of all 4 images: {ONLY}",
            ],
        ),
        (
            Listed([mapped([0, 0, 0, -1])] * 4, names=["object"]),
            [f"the class 'object' fills all known pixels of all 4 images: {ONLY}"],
        ),
        (
            Listed([mapped([0, 0])] * 99),
            [
                "the class 'object' (of 2) occurs in none of the 64 images looked at (of 99).",
                f"the class 'background' fills all known pixels of the 64 images looked at (of 99): {ONLY}",
            ],
        ),
        # One of three classes may be missing in a part of the images by chance.
        (Listed([BOTH] * 99, names=["a", "b", "c"]), []),
        (Listed([BOTH], names=["a", "b", "c"]), ["the class 'c' (of 3) occurs in no image."]),
        (Counted([BOTH] * 99, counts([5, 5, 0]), names=["a", "b", "c"]), ["the class 'c' (of 3) occurs in no image."]),
        (Counted([BOTH] * 99, counts([5, 5, 1]), names=["a", "b", "c"]), []),
        # All annotations of the third class lie outside their images.
        (Counted([BOTH] * 9, counts([9, 9, 9]), names=["a", "b", "c"]), ["the class 'c' (of 3) occurs in no image."]),
        (
            Listed([instances(0, crowds=[1])], names=["a", "b", "c"]),
            [
                "the class 'c' (of 3) occurs in no image.",
                "all objects of the class 'b' (of 3) are crowds, which count neither in training nor in evaluation.",
            ],
        ),
        (
            Listed([instances(0, crowds=[1])] * 99),
            [
                "all objects of the class 'object' (of 2) in the 64 images looked at (of 99) are crowds, which count "
                "neither in training nor in evaluation."
            ],
        ),
        (
            Counted([BOTH] * 99, AnnotationCounts([99, 99, 0], 1, 2, crowd_classes=[2]), names=["a", "b", "c"]),
            ["all objects of the class 'c' (of 3) are crowds, which count neither in training nor in evaluation."],
        ),
        (
            Listed([BOTH], names=["a", "b", *map(str, range(10))]),
            ["the classes '0', '1', '2', '3', '4', '5', '6', '7', … (10 of 12) occur in no image."],
        ),
        (
            Listed([mapped([0, 1, -1, -1, -1])]),
            [
                "60 % of the pixels of the only image are void or in crowds, and are left out. Check which ids or "
                "annotations stand for void."
            ],
        ),
        (
            Listed([instances(0, 1, crowds=[1]), instances(crowds=[0, 1])]),
            [
                '3 of 5 annotations are crowds ("iscrowd": 1), which count neither in training nor in evaluation. Set '
                '"iscrowd": 0 for single objects.'
            ],
        ),
        (
            Listed([instances(0, 1, 1, 1)]),
            [
                "an image has 4 segments, but the model has 3 queries, and each learns at most one segment. Raise "
                "num_queries to at least 4."
            ],
        ),
        (
            Counted([BOTH], counts([1, 1], most=9)),
            [
                "an image has 9 segments, but the model has 3 queries, and each learns at most one segment. Raise "
                "num_queries to at least 9."
            ],
        ),
    ],
)
def test_suspicions(dataset, messages):
    assert suspicions(sample_dataset(dataset), num_queries=3) == messages


def test_what_the_dataset_says_about_its_ids_comes_last():
    class Explained(Listed):
        def stored_ids(self, index):
            return 1

        def explain(self, pixels):
            return f"{pixels} files hold 255, which is void."

    assert suspicions(sample_dataset(Explained([mapped([0, 1, -1])] * 2))) == ["2 files hold 255, which is void."]
    void = nothing_annotated(sample_dataset(Explained([mapped([-1])] * 2)))
    assert void == "all pixels of all 2 images are void. 2 files hold 255, which is void."
