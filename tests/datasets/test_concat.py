"""Datasets one after the other, their classes matched by name."""

import re

import numpy as np
import pytest
import torch

from segkit.build import build_part
from segkit.classes import Classes
from segkit.config import load_config
from segkit.data.limit import Limit
from segkit.data.sampling import sample_dataset
from segkit.datasets.concat import Concat
from segkit.errors import ConfigError, DataError
from segkit.registries import DATASETS, AnnotationCounts
from segkit.testing import check_dataset
from segkit.types import Sample, Target
from tests.helpers.tiny import tiny_yaml


class Given:
    """A dataset of one-pixel images, one for each label."""

    def __init__(self, names, labels, counts=None, things=None, ids=None):
        self.classes = Classes.make(names, things, ids=ids)
        self.labels, self.counts = labels, counts

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        target = Target(torch.tensor([self.labels[index]]), segment_map=torch.zeros(1, 1, dtype=torch.int16))
        return Sample(torch.zeros(3, 1, 1, dtype=torch.uint8), target, f"{index}.png", index)


class Counted(Given):
    def annotation_counts(self, images):
        segments = [self.labels[:images].count(label) for label in range(len(self.classes))]
        return AnnotationCounts(segments, crowds=1, most_segments=images, crowd_classes=[0])


def labels_of(dataset):
    return [dataset.classes.names[label] for sample in dataset for label in sample.target.labels]


def test_classes_are_matched_by_name():
    dataset = Concat([Given(["cat", "dog"], [0, 1], ids=[3, 7]), Given(["dog", "cat"], [0, 1, 1])])
    assert labels_of(dataset) == ["cat", "dog", "dog", "cat", "cat"]
    assert dataset.classes.ids == (3, 7)
    assert [sample.image_id for sample in dataset] == ["1/0", "1/1", "2/0", "2/1", "2/2"]
    check_dataset(dataset)


def test_other_classes_are_refused_with_what_to_do():
    message = (
        "dataset 2 of concat: its classes are not those of dataset 1 of concat: only dataset 2 of concat has 'ox', "
        "'cow'; "
        "only dataset 1 of concat has 'dog'. Rename or choose the classes in the datasets, or list all of them in "
        "'classes' "
        "of concat: a class that a dataset lacks is then background in its images."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Concat([Given(["cat", "dog"], [0]), Given(["ox", "cat", "cow"], [0])])


def test_classes_may_list_those_of_all_datasets():
    datasets = [
        Given(["cat", "dog"], [0, 1], things=[True, False], ids=[5, 7]),
        Given(["ox", "cat"], [0, 1], ids=[6, 5]),
    ]
    dataset = Concat(datasets, classes=["ox", "dog", "cat"])
    assert labels_of(dataset) == ["cat", "dog", "ox", "cat"]
    assert (dataset.classes.things, dataset.classes.ids) == ((True, False, True), (6, 7, 5))
    repeated = Concat([Given(["cat"], [0]), Given(["ox"], [0])], classes=["ox", "cat"])
    assert repeated.classes.ids == (0, 1)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            ["cat"],
            "concat: classes: 'dog' of dataset 1 is not listed. Add it, or choose the classes in that dataset.",
        ),
        (["cat", "dog", "ox"], "concat: classes: no dataset has the class 'ox'. Correct or remove it."),
    ],
)
def test_listed_classes_are_those_of_the_datasets(classes, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Concat([Given(["cat", "dog"], [0])], classes=classes)


def test_no_dataset_is_an_error():
    with pytest.raises(DataError, match=r"^concat: datasets: the list is empty\. Name at least one dataset\.$"):
        Concat([])


def test_counts_are_those_of_the_first_images():
    dataset = Concat([Counted(["cat", "dog"], [0, 1]), Counted(["dog", "cat"], [0, 0, 1])])
    assert dataset.annotation_counts(5) == AnnotationCounts([2, 3], crowds=2, most_segments=3)
    assert dataset.annotation_counts(3) == AnnotationCounts([1, 2], crowds=2, most_segments=2)
    assert dataset.annotation_counts(5).crowd_classes == {0, 1}  # the first class of each
    assert Concat([Counted(["cat"], [0]), Given(["cat"], [0])]).annotation_counts(2) is None


SHAPES = "{type: shapes, length: 2, size: [64, 64], seed: %d}"


def load(tmp_path, settings, type="concat"):
    (tmp_path / "a.yaml").write_text(tiny_yaml())
    return load_config(tmp_path / "a.yaml", [f"data.train.dataset={{type: {type}{settings}}}"])


def test_a_config_lists_the_datasets(tmp_path):
    config = load(tmp_path, f", datasets: [{SHAPES % 3}, {SHAPES % 4}]")
    dataset = build_part(DATASETS, config.experiment.data.train.dataset)
    assert [sample.image_id for sample in dataset] == [
        "1/shapes_3_00000", "1/shapes_3_00001", "2/shapes_4_00000", "2/shapes_4_00001",
    ]  # fmt: skip


def test_problems_of_the_datasets_have_their_place(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, ", datasets: [{type: shapes, lenght: 3}, {type: shape}]")
    problems = str(caught.value).splitlines()
    assert problems[0].startswith(
        "<command line>: data.train.dataset.datasets.0.lenght: dataset 'shapes' takes no 'lenght'."
    )
    assert problems[1].startswith("<command line>: data.train.dataset.datasets.1.type: there is no dataset 'shape'.")
    with pytest.raises(ConfigError, match=r"data\.train\.dataset\.datasets: must be a list of datasets, such as"):
        load(tmp_path, ", datasets: {type: shapes}")
    with pytest.raises(ConfigError, match=r"dataset 'concat' needs 'datasets', a list of datasets\. Add it\."):
        load(tmp_path, "")


def test_problems_inside_an_unknown_dataset_are_told_too(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, ", datasets: [{type: shape}]", "conact")
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "data.train.dataset.type",
        "data.train.dataset.datasets.0.type",
    ]


class Explained(Given):
    """A dataset whose label files hold the labels plus `first`."""

    def __init__(self, names, labels, first=0):
        super().__init__(names, labels)
        self.first = first

    def stored_ids(self, index):
        return np.bincount([self.labels[index] + self.first], minlength=65536)

    def explain(self, pixels):
        assert pixels.shape == (65536,)
        return f"{pixels.sum()} pixels, ids {np.flatnonzero(pixels).tolist()}." if self.first else ""


def test_each_dataset_explains_the_ids_of_its_own_label_files():
    names = ["cat", "dog"]
    inner = Concat([Given(names, [0]), Explained(names, [1, 1, 0], first=3)])
    dataset = Concat([Explained(names, [0, 1]), inner, Explained(names, [0, 0], first=7)])
    assert sample_dataset(dataset).stored_ids == (
        "dataset 2 of concat: dataset 2 of concat: 3 pixels, ids [3, 4]. dataset 3 of concat: 2 pixels, ids [7]."
    )
    assert sample_dataset(Limit(dataset, 3)).stored_ids == (
        "dataset 2 of concat: dataset 2 of concat: 0 pixels, ids []. dataset 3 of concat: 0 pixels, ids []."
    )
    assert sample_dataset(Concat([Given(names, [0])])).stored_ids == ""


def test_problems_of_all_datasets_are_told_together():
    parts = [{"type": "mask_folder", "images": name, "labels": name, "classes": ["a"]} for name in ("one", "two")]
    with pytest.raises(DataError) as caught:
        build_part(DATASETS, {"type": "concat", "datasets": parts})
    first, second = str(caught.value).splitlines()
    assert ("one" in first, "two" in second) == (True, True)
