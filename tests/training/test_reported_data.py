"""Data of public reports that have nothing to learn from or to measure, and relatives of each, from the command line.

What is wrong is told before the first step, which is the last moment at which it costs nothing.
"""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from segkit.cli.main import main
from tests.helpers.tiny import write_tiny

OF_INSTANCES = ["postprocessors=[{type: instance}]", "evaluators=[{type: average_precision}]"]
OF_CLASSES = ["postprocessors=[{type: semantic}]", "evaluators=[{type: mean_iou}]"]
ALL_CROWDS = 'crowds ("iscrowd": 1), which count neither in training nor in evaluation. Set "iscrowd": 0 for '


@pytest.fixture(scope="module")
def cases(shared_cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name in ("c01_binary_255", "c02_all_crowd", "c04_missing", "c18_far_polygon"):
        subprocess.run([sys.executable, "-B", str(shared_cases / f"{name}.py"), str(folder)], check=True)
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Trains for a step; returns the exit code, what is printed before the step, and the errors."""
    monkeypatch.chdir(tmp_path)
    config = str(write_tiny(tmp_path))

    def train(dataset, *words):
        settings = [f"data.{split}.dataset={json.dumps(dataset)}" for split in ("train", "val")]
        code = main(["train", config, "--output", "run", "training.steps=1", *settings, *words])
        captured = capsys.readouterr()
        return code, captured.out.partition("step 1/1")[0], captured.err

    return train


def masks(folder, classes):
    parts = {"images": str(folder / "images"), "labels": str(folder / "labels")}
    return {"type": "mask_folder", **parts, "classes": classes}


def coco(folder):
    return {"type": "coco_instance", "images": str(folder / "images"), "annotations": str(folder / "ann.json")}


@pytest.mark.parametrize("classes", [["background", "object"], ["object"]])
def test_reported_masks_of_0_and_255(run, cases, classes):
    code, before, _ = run(masks(cases / "c01", classes), *OF_CLASSES)
    assert code == 0
    for split in ("train", "val"):
        assert f"warning: data.{split}: the class '{classes[0]}' fills all known pixels of all 4 images" in before
        assert "void: [] and label_map: {0: background, 255: object}." in before
    with open("run/data_summary.json") as file:
        assert any("If 255 is object" in warning for warning in json.load(file)["warnings"])


def test_masks_of_0_and_255_beside_others_of_0_and_1(run, cases, tmp_path):
    for place in range(4):
        source = cases / ("c01" if place % 2 else "c01ok")
        for part in ("images", "labels"):
            (tmp_path / "mixed" / part).mkdir(parents=True, exist_ok=True)
            shutil.copy(source / part / f"{place}.png", tmp_path / "mixed" / part)
    code, before, _ = run(masks(tmp_path / "mixed", ["background", "object"]), *OF_CLASSES)
    assert code == 0
    for split in ("train", "val"):
        assert f"warning: data.{split}: 2 of the 4 images that were read have void beside the class" in before


def test_reported_masks_of_0_and_1(run, cases):
    code, before, errors = run(masks(cases / "c01ok", ["background", "object"]), *OF_CLASSES)
    assert (code, errors) == (0, "")
    assert "warning" not in before


def test_reported_crowds(run, cases):
    code, before, errors = run(coco(cases / "c02"), *OF_INSTANCES)
    assert code == 1
    assert errors.startswith(f"error: data.train: nothing can be learned: all 4 annotations are {ALL_CROWDS}")
    assert before == ""


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        pytest.param("c04noseg", "1 of 4 annotations have a box but no mask and are left out", id="no mask"),
        pytest.param("c18", "1 annotation: polygons reach beyond the image by more than a tenth", id="far"),
        pytest.param("c18metres", "1 annotation: polygons reach beyond the image by more than a tenth", id="metres"),
    ],
)
def test_reported_annotations_that_are_told_and_read(run, cases, name, warning):
    text = f"{cases / name / 'ann.json'}: {warning}"
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}"):
        code, _, _ = run(coco(cases / name), *OF_INSTANCES)
    assert code == 0
    assert_noted_once(text)


def assert_noted_once(text):
    """Checks the files that the training and then `segkit test` write about the data."""
    with pytest.warns(UserWarning, match=re.escape(text)):
        assert main(["test", "run", "--device", "cpu", "--output", "evaluation"]) == 0
    for folder in ("run", "evaluation"):
        with open(f"{folder}/data_summary.json") as file:
            assert [text in warning for warning in json.load(file)["warnings"]].count(True) == 1


def test_files_that_are_not_read_are_noted(run, cases, tmp_path):
    folder = shutil.copytree(cases / "c01ok", tmp_path / "data")
    (folder / "images/notes.xyz").write_text("")
    with pytest.warns(UserWarning, match=r"notes\.xyz") as shown:
        code, _, _ = run(masks(folder, ["background", "object"]), *OF_CLASSES)
    assert code == 0
    assert_noted_once(next(str(one.message) for one in shown if "notes.xyz" in str(one.message)))


def write_coco(folder, **changes):
    """Writes two images with a rectangle each; `annotations` replaces all of them."""
    (folder / "images").mkdir()
    for number in range(2):
        Image.new("RGB", (48, 32)).save(folder / "images" / f"{number}.png")
    annotation = {"category_id": 1, "segmentation": [[4, 4, 20, 4, 20, 16, 4, 16]], **changes}
    data = {
        "images": [{"id": number, "file_name": f"{number}.png", "height": 32, "width": 48} for number in range(2)],
        "annotations": [{"id": number + 1, "image_id": number, **annotation} for number in range(2)],
        "categories": [{"id": 1, "name": "box"}],
    }
    if "annotations" in changes:
        data["annotations"] = changes["annotations"]
    (folder / "ann.json").write_text(json.dumps(data))
    return coco(folder)


OUTSIDE = [[104, 4, 120, 4, 120, 16, 104, 16]]


@pytest.mark.filterwarnings("ignore:.*annotations?: ")
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"iscrowd": "1"}, f"all 2 annotations are {ALL_CROWDS}"),
        ({"iscrowd": True}, f"all 2 annotations are {ALL_CROWDS}"),
        ({"annotations": []}, "there is no annotated segment in any of the 2 images"),
        ({"segmentation": OUTSIDE}, "no annotated segment has a pixel in any of the 2 images. Check that the annot"),
    ],
)
def test_instances_of_which_none_is_learned(run, tmp_path, changes, problem):
    code, before, errors = run(write_coco(tmp_path, **changes), *OF_INSTANCES)
    assert code == 1
    assert errors.startswith(f"error: data.train: nothing can be learned: {problem}")
    assert before == ""


@pytest.mark.filterwarnings("ignore:.*annotations?: ")
def test_labelme_shapes_of_which_all_lie_outside(run, tmp_path):
    Image.new("RGB", (48, 32)).save(tmp_path / "0.png")
    shape = {"label": "box", "shape_type": "rectangle", "points": [[104, 4], [120, 16]]}
    data = {"imagePath": "0.png", "imageHeight": 32, "imageWidth": 48, "shapes": [shape]}
    (tmp_path / "0.json").write_text(json.dumps(data))
    code, before, errors = run({"type": "labelme", "folder": str(tmp_path)}, *OF_INSTANCES)
    assert code == 1
    problem = "no annotated segment has a pixel in the only image. Check that the annotations are in pixels"
    assert errors.startswith(f"error: data.train: nothing can be learned: {problem}")
    assert before == ""


def test_panoptic_segments_of_which_all_are_crowds(run, tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    Image.new("RGB", (48, 32)).save(tmp_path / "images/0.png")
    Image.fromarray(np.full((32, 48, 3), (1, 0, 0), dtype=np.uint8)).save(tmp_path / "masks/0.png")
    segment = {"id": 1, "category_id": 1, "iscrowd": 1, "area": 32 * 48}
    data = {
        "images": [{"id": 0, "file_name": "0.png", "height": 32, "width": 48}],
        "annotations": [{"image_id": 0, "file_name": "0.png", "segments_info": [segment]}],
        "categories": [{"id": 1, "name": "box", "isthing": 1}],
    }
    (tmp_path / "ann.json").write_text(json.dumps(data))
    dataset = {**coco(tmp_path), "type": "coco_panoptic", "masks": str(tmp_path / "masks")}
    code, before, errors = run(dataset, "postprocessors=[{type: panoptic}]", "evaluators=[{type: panoptic_quality}]")
    assert code == 1
    assert errors.startswith("error: data.train: nothing can be learned: ")
    assert "crowd" in errors
    assert before == ""
