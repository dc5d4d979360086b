"""The layout of Pascal VOC: masks as ids or colors, lists of names, and what is said of missing files."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from segkit.datasets.voc import NAMES, Voc
from segkit.errors import DataError
from segkit.ops.targets import label_map_of
from tests.helpers.dataset_folders import TRAIN, cvat_voc, painted, save, scenes, voc


@pytest.fixture
def official(tmp_path):
    voc(tmp_path)
    return tmp_path / "VOC2012"


def test_the_official_classes(official):
    dataset = Voc(folder=str(official), split="train")
    assert dataset.classes.names == NAMES
    assert dataset.classes.ids == tuple(range(21))
    assert dataset.classes.colors[15] == (192, 128, 128)
    assert dataset.classes.things == (False,) + (True,) * 20
    target = dataset[0].target
    assert target.labels.tolist() == [0, 8, 12]
    assert label_map_of(target, 255).unique().tolist() == [0, 8, 12, 255]
    assert not target.valid.all()


def test_instances_leave_out_background(official):
    dataset = Voc(folder=str(official), split="val", instances=True)
    assert dataset.classes.names == NAMES[1:]
    assert dataset.classes.ids == tuple(range(1, 21))
    target = dataset[0].target
    assert [dataset.classes.names[label] for label in target.labels] == ["cat", "dog"]
    assert set(target.segment_map.unique().tolist()) == {-1, 0, 1}
    border = target.segment_map[~target.valid]
    assert len(border)
    assert (border == -1).all()


def test_masks_may_be_gray(official):
    scene = scenes(1)[0]
    save(painted(scene, [8, 255]), official / "SegmentationClass/000000.png")
    save(painted(scene, [7, 255]), official / "SegmentationObject/000000.png")
    target = Voc(folder=str(official), split="train", instances=True)[0].target
    assert target.labels.tolist() == [7]
    assert np.array_equal(target.masks[0].numpy(), scene.boxes[0].mask)
    assert np.array_equal(~target.valid.numpy(), scene.boxes[1].mask)


def test_labelmap_gives_classes_and_colors(tmp_path):
    settings = cvat_voc(tmp_path)["train"]
    del settings["type"]
    assert Voc(**settings).classes.names == ("cat", "dog")
    dataset = Voc(**settings | {"instances": False})
    assert dataset.classes.names == ("background", "cat", "dog")
    assert dataset[0].target.labels.tolist() == [0, 1, 2]


def test_classes_may_be_listed(official):
    classes = ["background", *(f"class {id}" for id in range(1, 13))]
    dataset = Voc(folder=str(official), split="train", classes=classes)
    assert dataset[0].target.labels.tolist() == [0, 8, 12]


def explained(folder, masks, **settings):
    """What is said of the ids in class masks, of which `masks` are those of the images for training."""
    dataset = Voc(folder=str(folder), split="train", **settings)
    for number, mask in enumerate(masks):
        save(mask, folder / f"SegmentationClass/{number:06}.png")
    return dataset.explain(sum(dataset.stored_ids(index) for index in range(len(dataset))))


def test_a_list_without_background_is_off_by_one(official):
    masks = [painted(scene, [1, 2]) for scene in scenes(TRAIN)]
    assert explained(official, masks, classes=["cat", "dog"]).endswith(
        "they seem to count the classes from 1. If so, set classes: [background, cat, dog]."
    )
    assert explained(official, masks, classes=["background", "cat", "dog"]) == ""
    assert explained(official, [mask // 2 for mask in masks], classes=["background", "cat"]) == ""


def test_masks_of_colors_hold_no_ids(tmp_path):
    settings = cvat_voc(tmp_path)["train"]
    del settings["type"]
    dataset = Voc(**settings)
    assert dataset.explain(dataset.stored_ids(0)) == ""
    assert not dataset.stored_ids(0).any()


def refused(message, **settings):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Voc(**settings)[0]


def test_ids_beyond_the_classes_are_named(official):
    refused(
        f"{official}/SegmentationClass/000000.png: the ids 8, 12 are neither a class nor void (255). The classes are "
        "0..2: check 'classes'.",
        folder=str(official),
        split="train",
        classes=["background", "cat", "dog"],
    )


def test_objects_without_class_are_counted(official):
    scene = scenes(1)[0]
    save(painted(scene, [8, 0]), official / "SegmentationClass/000000.png", palette=True)
    refused(
        f"{official}/SegmentationObject/000000.png: 1 of 2 objects have no class in SegmentationClass. Take both masks "
        f"from one release.",
        folder=str(official),
        split="train",
        instances=True,
    )


def test_sizes_must_agree(official):
    Image.new("RGB", (5, 4)).save(official / "JPEGImages/000000.jpg")
    refused(
        f"{official}/SegmentationClass/000000.png: the label map is 48x48, but its image "
        f"{official}/JPEGImages/000000.jpg is 5x4 (upright). Give both one size.",
        folder=str(official),
        split="train",
    )


def test_a_folder_too_high_names_the_right_one(official):
    refused(
        f"{official.parent}: there is no folder JPEGImages, SegmentationClass, ImageSets/Segmentation. Point 'folder' "
        f"at {official}.",
        folder=str(official.parent),
        split="train",
    )
    shutil.rmtree(official / "SegmentationObject")
    refused(
        f"{official}: there is no folder SegmentationObject. Point 'folder' at a folder that holds them.",
        folder=str(official),
        split="train",
        instances=True,
    )


def test_an_unknown_list_names_those_that_there_are(official):
    refused(
        f"split: there is no list {official}/ImageSets/Segmentation/valid.txt. The lists are: train, val. Choose one "
        "of them.",
        folder=str(official),
        split="valid",
    )


def test_all_missing_files_are_named(official):
    (official / "JPEGImages/000001.jpg").unlink()
    (official / "SegmentationClass/000002.png").unlink()
    file = official / "ImageSets/Segmentation/train.txt"
    file.write_text("000000\n000001\n000002\n000003\n000000\n")
    lines = (
        f"{file}: there is no JPEGImages/000001. Restore the file, or remove the name.",
        f"{file}: there is no SegmentationClass/000002. Restore the file, or remove the name.",
        f"{file}: '000000' stands there twice. Remove one.",
    )
    refused("\n".join(lines), folder=str(official), split="train")
    file.write_text("\n")
    refused(f"{file}: the list is empty. Write the name of an image on each line.", folder=str(official), split="train")


def test_two_files_of_one_image_are_refused(official):
    images = official / "JPEGImages"
    name = (official / "ImageSets/Segmentation/train.txt").read_text().split()[0]
    first = images / f"{name}.jpg"
    shutil.copy(first, images / f"{name}.mpo")
    message = f"{images / name}.mpo: this file and {name}.jpg belong to one image. Rename or remove one."
    refused(message, folder=str(official), split="train")
