"""What is said of datasets whose images were all read."""

import pytest
import torch

from segkit.data.survey import survey_dataset
from segkit.data.survey_findings import Finding, Place, bad_images, equal_images, equal_targets, findings_of
from segkit.datasets.concat import Concat
from segkit.errors import DataError
from segkit.types import Target
from tests.helpers.counted import Listed, instances, mapped
from tests.helpers.tiny import empty_target

BOTH = mapped([0, 0, 1, 1])


def findings(targets, split="data.val", dataset=Listed, **more):
    made = dataset(targets)
    return findings_of(split, made, survey_dataset(made), **more)


def test_sound_data_have_no_findings():
    large = mapped([0] * 20, [1] * 20)
    assert findings([large, large], num_queries=2) == []


def test_images_with_one_problem_are_one_finding():
    class Broken(Listed):
        def __getitem__(self, index):
            if index < 3:
                raise DataError(f"labels/{index}.png: {'has the id 9' if index < 2 else 'is no image'}.")
            if index == 3:
                raise DataError("no file is named")
            return super().__getitem__(index)

    assert bad_images("data.val", survey_dataset(Broken([BOTH] * 5)).bad) == [
        Finding(
            "error",
            "data.val",
            "has the id 9.",
            (Place("data.val", 0, "labels/0.png"), Place("data.val", 1, "labels/1.png")),
        ),
        Finding("error", "data.val", "is no image.", (Place("data.val", 2, "labels/2.png"),)),
        Finding("error", "data.val", "no file is named", (Place("data.val", 3, "image 3 of the dataset Broken"),)),
    ]


@pytest.mark.parametrize(("split", "verb"), [("data.train", "learned"), ("data.val", "measured")])
def test_nothing_annotated_is_an_error(split, verb):
    first, second = findings([empty_target((1, 4))] * 2, split)
    assert first.level == "error"
    assert first.text.startswith(f"nothing can be {verb}: there is no annotated segment in all 2 images.")
    assert (second.level, second.text, len(second.places)) == ("note", "no segment.", 2)
    (found,) = findings([], split)
    assert found.text.startswith(f"nothing can be {verb}: the dataset has no images.")


def test_where_no_image_can_be_read_nothing_is_said_of_the_annotations():
    class AllBroken(Listed):
        def __getitem__(self, index):
            raise DataError(f"{index}.png: broken.")

    (found,) = findings([BOTH] * 2, dataset=AllBroken)
    assert found.text == "broken."


def test_the_worst_images_come_first():
    many = [instances(0), instances(0, 1, 1), instances(0, 1)]
    found = findings(many, num_queries=1)[0]
    assert (found.level, found.text) == (
        "warning",
        "more segments than the model has queries (1), and each finds at most one. Raise num_queries to at least 3.",
    )
    assert [(place.file, place.detail) for place in found.places] == [
        ("1.png", "segments: 3"),
        ("2.png", "segments: 2"),
    ]


def test_empty_and_tiny_segments_and_void():
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, 0] = True
    hollow = Target(torch.tensor([0, 1]), overlapping_masks=masks)
    void = mapped([0, *[-1] * 99])
    found = {one.text.partition(" ")[0]: (one.level, one.places) for one in findings([hollow, void])}
    details = {text: (level, [(one.index, one.detail) for one in places]) for text, (level, places) in found.items()}
    assert details["segments"] == ("note", [(0, "tiny segments: 1"), (1, "tiny segments: 1")])
    assert details["more"] == ("note", [(1, "void: 99 %")])
    assert ("warning", [(0, "empty segments: 1")]) in [
        (one.level, [(place.index, place.detail) for place in one.places]) for one in findings([hollow, void])
    ]


def test_equal_masks_of_one_class():
    masks = torch.zeros(4, 4, 4, dtype=torch.bool)
    masks[:3, 0] = masks[3, 1] = True
    doubled = Target(torch.tensor([0, 0, 1, 0]), overlapping_masks=masks)
    (found,) = (one for one in findings([BOTH, doubled]) if "counts twice" in one.text)
    assert (found.level, [(one.index, one.detail) for one in found.places]) == (
        "warning",
        [(1, "repeated segments: 1")],
    )


def test_classes_that_never_occur_are_named_though_an_image_is_bad():
    class FirstIsBroken(Listed):
        def __getitem__(self, index):
            if index == 0:
                raise DataError("0.png: broken.")
            return super().__getitem__(index)

    texts = [one.text for one in findings([mapped([0, -1])] * 3, dataset=FirstIsBroken)]
    assert "the class 'object' (of 2) occurs in no image." in texts


def test_images_that_a_dataset_has_twice():
    made = Concat([Listed([BOTH] * 2), Listed([BOTH])])
    (found,) = (one for one in findings_of("data.val", made, survey_dataset(made)) if "once" in one.text)
    assert (found.level, found.text, found.places) == (
        "warning",
        "more than once in this dataset, and count as often. Remove the others, unless they shall weigh more.",
        (Place("data.val", 2, "0.png", "as image 0"),),
    )


class Colored(Listed):
    def __init__(self, targets, colors):
        super().__init__(targets)
        self.colors = colors

    def __getitem__(self, index):
        sample = super().__getitem__(index)
        sample.image[0] = self.colors[index]
        return sample


def test_images_of_both_splits():
    train, val = survey_dataset(Colored([BOTH] * 3, [1, 2, 3])), survey_dataset(Colored([BOTH] * 3, [7, 3, 8]))
    (found,) = equal_images({"data.train": train, "data.val": val})
    assert found.level == "warning"
    assert found.places == (Place("data.val", 1, "1.png", "equal to 2.png"),)
    (same,) = equal_images({"data.train": train, "data.val": train})
    assert [one.detail for one in same.places] == ["the same file"] * 3
    other = survey_dataset(Colored([BOTH], [9]))
    assert equal_images({"data.train": train, "data.val": other}) == equal_images({"data.train": train}) == []


def test_targets_of_both_splits():
    one_class, other = mapped([0, 0, 0, 0]), mapped([0, 1, 1, 1])
    train = survey_dataset(Colored([BOTH, one_class], [1, 2]))
    val = survey_dataset(Colored([BOTH, BOTH, one_class, other], [1, 7, 8, 9]))
    surveys = {"data.train": train, "data.val": val}
    (found,) = equal_targets(surveys, equal_images(surveys))
    assert found.level == "warning"
    assert found.places == (Place("data.val", 1, "1.png", "that of 0.png", Place("data.train", 0, "0.png")),)
    assert equal_targets({"data.train": train}, []) == []
