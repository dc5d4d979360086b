"""A dataset with the model's class names in another order and with other ids: results are written with its ids."""

import contextlib
import io
import json
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import nn

import segkit
from segkit.checkpoint import save_checkpoint
from segkit.classes import Classes
from segkit.config import load_config
from segkit.errors import ConfigError
from segkit.evaluation.class_order import ReorderedClasses, class_order
from segkit.evaluation.validation import Validation
from segkit.registries import MODELS
from segkit.types import PixelPrediction, Prediction

MODEL = Classes.make(["sky", "car", "person"], things=[False, True, True])
"""The model's order; its ids are 0, 1, 2."""

STORED = {"person": 70, "sky": 3, "car": 9}
"""The order and ids of the datasets."""

LABELS = np.array([[0] * 4 + [1] * 4] * 4 + [[0] * 4 + [2] * 4] * 4)
"""(8, 8) The model's class indices: sky at the left, a car above a person at the right."""


class RedIsClass(nn.Module):
    """Predicts, with one query per class, the class index that a pixel's red value holds."""

    size_divisor = 4

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, images, sizes=None):
        masks = torch.stack([images[:, 0] == index for index in range(self.num_classes)], dim=1)  # (B, Q, H, W)
        class_logits = self.scale * torch.eye(self.num_classes, self.num_classes + 1)
        return Prediction(class_logits.expand(len(images), -1, -1), dense_mask_logits=self.scale * (2.0 * masks - 1))


@pytest.fixture
def folder(tmp_path):
    """A checkpoint of RedIsClass, two images and their annotations in all forms."""
    with MODELS.isolated():
        MODELS.register("red_is_class")(RedIsClass)
        config = load_config({"model": {"type": "red_is_class"}})
        save_checkpoint(tmp_path / "checkpoint", RedIsClass(len(MODEL)), config, MODEL)
        for part in ("images", "labels", "panoptic"):
            (tmp_path / part).mkdir()
        for number in range(2):
            labels = np.roll(LABELS, number, axis=0)
            red = np.stack([labels, 0 * labels, 0 * labels], -1).astype(np.uint8)
            Image.fromarray(red).save(tmp_path / f"images/{number}.png")
            stored = np.array([STORED[name] for name in MODEL.names])[labels].astype(np.uint8)
            Image.fromarray(stored).save(tmp_path / f"labels/{number}.png")
            Image.fromarray(np.stack([stored, 0 * stored, 0 * stored], -1)).save(tmp_path / f"panoptic/{number}.png")
        write_coco(tmp_path)
        yield tmp_path


def write_coco(folder):
    images = [{"id": number + 5, "file_name": f"{number}.png", "height": 8, "width": 8} for number in range(2)]
    categories = [{"id": one, "name": name, "isthing": int(name != "sky")} for name, one in STORED.items()]
    instances, panoptic = [], []
    for number, image in enumerate(images):
        stored = np.array(Image.open(folder / f"labels/{number}.png"))
        segments = []
        for id_ in STORED.values():
            flat = np.concatenate([[0], (stored == id_).ravel(order="F"), [0]]).astype(int)
            runs = np.diff(np.concatenate([[0], np.flatnonzero(np.diff(flat)), [64]]))
            area = int((stored == id_).sum())
            segments.append({"id": id_, "category_id": id_, "area": area, "iscrowd": 0})
            instances.append(
                {
                    "id": len(instances) + 1,
                    "image_id": image["id"],
                    "category_id": id_,
                    "segmentation": {"size": [8, 8], "counts": runs.tolist()},
                    "area": area,
                    "iscrowd": 0,
                }
            )
        panoptic.append({"image_id": image["id"], "file_name": f"{number}.png", "segments_info": segments})
    for name, annotations in (("instances", instances), ("panoptic", panoptic)):
        content = {"images": images, "annotations": annotations, "categories": categories}
        (folder / f"{name}.json").write_text(json.dumps(content))


def evaluate(folder, task, evaluator, dataset):
    """Returns the metrics and the folder of the predictions."""
    config = {
        "model": {"type": "red_is_class"},
        "postprocessors": [{"type": task}],
        "evaluators": [{"type": evaluator}],
        "data": {"val": {"dataset": {"images": str(folder / "images"), **dataset}, "workers": 0}},
    }
    output = folder / "out"
    metrics = segkit.evaluate(folder / "checkpoint", config, output=output, save_predictions=True, device="cpu")
    return metrics[evaluator], output / "predictions"


def write_ids_as_text(file):
    """Writes the ids of categories as some tools do."""
    content = json.loads(file.read_text())
    for one in content["categories"]:
        one["id"] = str(one["id"])
    for one in content["annotations"]:
        for part in one.get("segments_info", [one]):
            part["category_id"] = str(part["category_id"])
    file.write_text(json.dumps(content))


@pytest.mark.parametrize("as_written", [int, str])
def test_instances_score_in_pycocotools_what_was_printed(folder, as_written):
    file = folder / "instances.json"
    if as_written is str:
        write_ids_as_text(file)
    metrics, written = evaluate(
        folder, "instance", "average_precision", {"type": "coco_instance", "annotations": str(file)}
    )
    with contextlib.redirect_stdout(io.StringIO()):
        targets = COCO(str(file))
        theirs = COCOeval(targets, targets.loadRes(str(written / "instances.json")), "segm")
        # sky is stuff, which average precision leaves out.
        theirs.params.catIds = [as_written(STORED["person"]), as_written(STORED["car"])]
        theirs.evaluate()
        theirs.accumulate()
        theirs.summarize()
    names = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    assert [metrics.values[name] for name in names] == pytest.approx(
        [math.nan if value == -1 else value for value in theirs.stats[:6]], nan_ok=True
    )
    assert metrics.values["ap"] == pytest.approx(1.0)
    assert list(metrics.per_class["ap"]) == ["person", "sky", "car"]


def test_semantic_files_equal_the_labels(folder):
    dataset = {
        "type": "mask_folder",
        "labels": str(folder / "labels"),
        "classes": list(STORED),
        "label_map": {str(id_): name for name, id_ in STORED.items()},
    }
    metrics, written = evaluate(folder, "semantic", "mean_iou", dataset)
    assert metrics.values["mean_iou"] == 1.0
    for number in range(2):
        ours = np.array(Image.open(written / f"semantic/{number}.png"))
        assert np.array_equal(ours, np.array(Image.open(folder / f"labels/{number}.png")))


@pytest.mark.parametrize("as_written", [int, str])
def test_panoptic_files_hold_the_segments_of_the_dataset(folder, as_written):
    if as_written is str:
        write_ids_as_text(folder / "panoptic.json")
    dataset = {
        "type": "coco_panoptic",
        "annotations": str(folder / "panoptic.json"),
        "masks": str(folder / "panoptic"),
    }
    metrics, written = evaluate(folder, "panoptic", "panoptic_quality", dataset)
    assert metrics.values["pq"] == 1.0
    content = json.loads((written / "panoptic.json").read_text())
    assert {one["name"]: one["id"] for one in content["categories"]} == {
        name: as_written(id_) for name, id_ in STORED.items()
    }
    for number, entry in enumerate(content["annotations"]):
        assert entry["image_id"] == number + 5
        png = np.array(Image.open(written / f"panoptic/{entry['file_name']}"))[..., 0]
        stored = np.array(Image.open(folder / f"labels/{number}.png"))
        for segment in entry["segments_info"]:
            assert {as_written(id_) for id_ in stored[png == segment["id"]]} == {segment["category_id"]}


def test_another_name_is_refused(folder):
    dataset = {
        "type": "mask_folder", "labels": str(folder / "labels"), "classes": ["person", "sky", "bus"], "label_map": {}
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        evaluate(folder, "semantic", "mean_iou", dataset)
    assert str(caught.value) == (
        "<dict>: data.val: the dataset has other classes than the model (3 classes there, 3 here; only there: 'bus'; "
        "only here: 'car'). Name a dataset with the model's classes."
    )


def test_other_things_are_told(folder):
    dataset = {"type": "coco_instance", "images": str(folder / "images")}
    content = json.loads((folder / "instances.json").read_text())
    for category in content["categories"]:
        category["isthing"] = 1
    (folder / "all.json").write_text(json.dumps(content))
    config = load_config(
        {
            "model": {"type": "red_is_class"},
            "postprocessors": [{"type": "instance"}],
            "evaluators": [{"type": "average_precision"}],
            "data": {"val": {"dataset": {**dataset, "annotations": str(folder / "all.json")}, "workers": 0}},
        }
    )
    message = "data.val: the dataset and the model disagree whether these classes are things: sky. The dataset decides."
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        Validation(config, MODEL, size_divisor=4)


def test_no_object_stays_last_and_masks_stay():
    class_logits = torch.arange(8.0).view(1, 2, 4)
    masks = torch.rand(1, 2, 3, 3)
    given = Prediction(class_logits, dense_mask_logits=masks)
    model = ReorderedClasses(Fixed(given), order=[2, 0, 1])
    assert model(torch.zeros(1)).class_logits.tolist() == [[[2, 0, 1, 3], [6, 4, 5, 7]]]
    assert model(torch.zeros(1)).mask_logits is masks
    pixels = ReorderedClasses(Fixed(PixelPrediction(torch.arange(3.0).view(1, 3, 1, 1))), order=[2, 0, 1])
    assert pixels(torch.zeros(1)).pixel_logits.flatten().tolist() == [2, 0, 1]


class Fixed(nn.Module):
    def __init__(self, prediction):
        super().__init__()
        self.prediction = prediction

    def forward(self, images, sizes=None):
        return self.prediction


def test_the_order_of_equal_lists_is_none():
    assert class_order(MODEL, MODEL) is None
    assert class_order(MODEL, Classes.make(["person", "sky", "car"])) == [2, 0, 1]
