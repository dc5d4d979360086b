"""Datasets and other parts that take a path accept text and `Path` alike, from Python."""

import inspect
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from segkit.build import build_part
from segkit.registries import DATASETS, REGISTRIES
from segkit.registries.signature import after_star

FOLDERS = {"images": "images", "labels": "labels"}
SETTINGS = {
    "mask_folder": FOLDERS | {"classes": "classes.txt", "split": "split.txt"},
    "instance_folder": FOLDERS | {"classes": "one_class.txt", "split": "split.txt"},
    "coco_instance": {"images": "images", "annotations": "coco.json", "split": "split.txt"},
    "coco_panoptic": {"images": "images", "annotations": "panoptic.json", "masks": "masks", "split": "split.txt"},
    "labelme": {"folder": "labelme", "images": "images", "split": "split.txt"},
    "yolo": {"data": "data.yaml"},
    "voc": {"folder": "voc", "classes": "classes.txt"},
}
OTHERS = {"yolo": {"split": "train"}, "voc": {"split": "train"}}
WITHOUT_PATHS = {"shapes", "concat"}
PATHS = {"annotations", "data", "file", "files", "folder", "images", "labels", "masks", "path", "weights"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    texts = {
        "classes.txt": "background\ncat\n",
        "one_class.txt": "cat\n",
        "split.txt": "a\n",
        "data.yaml": "train: yolo/images\nnames: [cat]\n",
        "yolo/labels/a.txt": "0 0 0 1 0 1 1\n",
        "voc/ImageSets/Segmentation/train.txt": "a\n",
        "coco.json": json.dumps(_coco({"segmentation": [[0, 0, 4, 0, 4, 4]], "category_id": 1})),
        "panoptic.json": json.dumps(_coco({"file_name": "a.png", "segments_info": [{"id": 1, "category_id": 1}]})),
        "labelme/a.json": json.dumps(
            {
                "imagePath": "../images/a.png",
                "imageHeight": 4,
                "imageWidth": 4,
                "shapes": [{"label": "cat", "shape_type": "polygon", "points": [[0, 0], [4, 0], [4, 4]]}],
            }
        ),
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for folder in ("images", "labels", "masks", "yolo/images", "voc/JPEGImages", "voc/SegmentationClass"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        image = (
            Image.new("L", (4, 4), 1) if "abel" in folder or "Seg" in folder else Image.new("RGB", (4, 4), (1, 0, 0))
        )
        image.save(root / folder / f"a.{'jpg' if 'JPEG' in folder else 'png'}")
    return root


def _coco(annotation):
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": 4, "width": 4}],
        "annotations": [{"id": 1, "image_id": 1, **annotation}],
        "categories": [{"id": 1, "name": "cat", "isthing": 1}],
    }


@pytest.mark.parametrize("name", [name for name in DATASETS.names() if name not in WITHOUT_PATHS])
def test_every_dataset_takes_both(root, name):
    paths = {setting: root / value for setting, value in SETTINGS[name].items()}
    texts = {setting: str(path) for setting, path in paths.items()}
    first, second = (
        build_part(DATASETS, {"type": name, **OTHERS.get(name, {}), **given})[0] for given in (paths, texts)
    )
    assert torch.equal(first.image, second.image)
    assert first.target.labels.tolist() == second.target.labels.tolist() != []


def test_several_files_are_paths_too(root):
    settings = {"images": root / "images", "annotations": [root / "coco.json"]}
    assert len(build_part(DATASETS, {"type": "coco_instance", **settings})) == 1


def test_ids_of_a_label_map_may_be_numbers(root):
    settings = {"images": root / "images", "labels": root / "labels", "classes": ["a", "b"]}
    dataset = build_part(DATASETS, {"type": "mask_folder", **settings, "label_map": {1: "b", 0: "a"}})
    assert dataset[0].target.labels.tolist() == [1]
    assert dataset.explain(dataset.stored_ids(0)) == ""


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.plural)
def test_every_setting_that_is_a_path_says_so(registry):
    for name in registry.names():
        part = registry.get(name)
        for setting in PATHS & after_star(part).keys():
            assert "Path" in str(inspect.signature(part).parameters[setting].annotation), f"{name}: {setting}"


def test_weights_may_be_a_path(tmp_path):
    from segkit.backbones.timm import TimmBackbone

    first = TimmBackbone(name="resnet18")
    torch.save(first.body.state_dict(), tmp_path / "weights.pth")
    second = TimmBackbone(name="resnet18", weights=Path(tmp_path / "weights.pth"))
    assert torch.equal(first.body.conv1.weight, second.body.conv1.weight)
