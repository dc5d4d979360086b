"""Class names that a config itself tells, and settings that name others."""

import pytest

from segkit.config import load_config
from segkit.training.known_classes import known_classes
from segkit.training.refusals import refusals
from tests.helpers.tiny import write_tiny

FOLDERS = "images: nowhere, labels: nowhere"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return str(write_tiny(tmp_path))


@pytest.mark.parametrize(
    ("dataset", "names"),
    [
        (f"{{type: mask_folder, {FOLDERS}, classes: [road, car]}}", ("road", "car")),
        (f"{{type: mask_folder, {FOLDERS}, classes: classes.txt}}", ("a", "b")),
        (f"{{type: mask_folder, {FOLDERS}, classes: missing.txt}}", None),
        ("{type: coco_instance, images: nowhere, annotations: a.json, classes: {vehicle: [car, bus]}}", ("vehicle",)),
        ("{type: coco_instance, images: nowhere, annotations: a.json}", None),
        (f"{{type: concat, datasets: [{{type: mask_folder, {FOLDERS}, classes: [c]}}, {{type: shapes}}]}}", ("c",)),
    ],
)
def test_the_classes_are_known_without_the_data(tiny, tmp_path, dataset, names):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets/classes.txt").write_text("a\nb\n")
    assert known_classes(load_config(tiny, [f"data.train.dataset={dataset}"])) == names


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("criterion.losses=[{type: cross_entropy, class_weights: {zzz: 2}}]", "the dataset has no class 'zzz'."),
        ("postprocessors=[{type: semantic}, {type: panoptic, fuse: [zzz]}]", "fuse: there is no class 'zzz'."),
        ("model.backbone.weights=missing.pth", "model.backbone.weights: there is no file 'missing.pth'."),
    ],
)
def test_what_names_no_class_or_file_is_refused(tiny, change, problem):
    changes = ["model.backbone.pretrained=true"] if "weights=" in change else []
    found = refusals(load_config(tiny, [*changes, change]))
    assert [line for line in found if problem in line], found


def test_automatic_weights_and_names_of_things_pass(tiny):
    changes = ["criterion.losses=[{type: cross_entropy, class_weights: auto}]"]
    changes += ["postprocessors=[{type: semantic}, {type: panoptic, fuse: [circle]}]"]
    assert refusals(load_config(tiny, changes)) == []
