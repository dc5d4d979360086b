"""Damage to the folders of every format: all of it is named, by file, before anything is learned.

Two places are damaged alike in each case, so that a message that stops at the first one fails.
"""

import json
import re
import shutil
import warnings

import pytest
from PIL import Image

from segkit.build import build_part
from segkit.config import load_config
from segkit.data.sampling import sample_dataset
from segkit.errors import DataError, DataWarning
from segkit.registries import DATASETS
from tests.helpers.dataset_folders import FORMATS, SIZE

LABELS = {
    "cityscapes": "gtFine/train/*/*labelIds.png",
    "cityscapes_instances": "gtFine/train/*/*instanceIds.png",
    "penn_fudan": "PedMasks/*_mask.png",
    "ade_instances": "annotations/train/*.png",
    "color_masks": "data/*_mask.png",
    "voc": "VOC2012/SegmentationClass/*.png",
    "cvat_voc": "SegmentationObject/*.png",
}
"""Format -> its label files."""

IMAGES = {
    "cityscapes": "leftImg8bit/train/*/*.png",
    "cityscapes_instances": "leftImg8bit/train/*/*.png",
    "penn_fudan": "PNGImages/*.png",
    "ade_instances": "images/train/*.jpg",
    "color_masks": "data/*.jpg",
    "voc": "VOC2012/JPEGImages/*.jpg",
    "cvat_voc": "JPEGImages/*.jpg",
    "labelme": "*.jpg",
    "yolo": "train/images/0*.jpg",
    "roboflow_coco": "train/*.jpg",
    "cvat_coco": "images/*.jpg",
    "lvis": "train2017/*.jpg",
}
"""Format -> its images."""

JSON = {
    "roboflow_coco": "train/_annotations.coco.json",
    "cvat_coco": "annotations/instances_default.json",
    "lvis": "lvis_v1_train.json",
}
"""Format of COCO -> its file."""

OUTSIDE = [[SIZE + 9, 1, SIZE + 20, 1, SIZE + 20, 9]]
FAR = [[0, 0, 100 * SIZE, 0, 100 * SIZE, 100 * SIZE]]
LINE = [[5, 5, 5, 5, 5, 5]]
EMPTY = {"size": [SIZE, SIZE], "counts": [SIZE * SIZE]}
WRONG_SIZE = {"size": [20, 20], "counts": [0, 400]}


class Damaged:
    """A folder of a format, and the settings of its dataset of all images."""

    def __init__(self, name, root):
        self.root = root
        written = FORMATS[name].write(root)
        self.settings = {key: value for key, value in written["train"].items() if key != "split" or name == "yolo"}
        if self.settings["type"] == "voc":
            self.settings["split"] = "train"

    def files(self, pattern):
        return sorted(self.root.glob(pattern))[:2]

    def edit(self, pattern, change):
        (file,) = self.files(pattern)
        content = json.loads(file.read_text())
        change(content)
        file.write_text(json.dumps(content))
        return str(file)

    def said(self):
        """The error and the warnings of the dataset and of the look at it, one line each."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                sample = sample_dataset(build_part(DATASETS, self.settings))
                lines = sorted(one.error for one in sample.bad)
            except DataError as error:
                lines = str(error).splitlines()
        return lines, [str(warning.message) for warning in caught if warning.category in (UserWarning, DataWarning)]


@pytest.fixture
def damaged(tmp_path):
    return lambda name: Damaged(name, tmp_path)


def assert_named(lines, files, what):
    """Each file stands at the beginning of a line of its own, which says what is wrong and what to do."""
    for file in files:
        (line,) = [line for line in lines if line.startswith(f"{file}: ")]
        assert re.search(what, line), line
        assert line.endswith("."), line
    assert len(lines) == len(files)


@pytest.mark.parametrize("name", LABELS)
def test_images_without_label_files(damaged, name):
    folder = damaged(name)
    for file in folder.files(LABELS[name]):
        file.unlink()
    lines, _ = folder.said()
    assert lines
    for image in folder.files(IMAGES[name]):
        assert any(image.stem in line for line in lines), image


@pytest.mark.parametrize("name", LABELS)
def test_label_files_of_another_size(damaged, name):
    folder = damaged(name)
    files = folder.files(LABELS[name])
    for file in files:
        Image.open(file).resize((20, 20), Image.Resampling.NEAREST).save(file)
    assert_named(folder.said()[0], files, f"the label map is 20x20, but its image .* is {SIZE}x{SIZE}")


@pytest.mark.parametrize(("name", "pattern"), [*LABELS.items(), *IMAGES.items()])
def test_files_that_are_no_images(damaged, name, pattern):
    folder = damaged(name)
    files = folder.files(pattern)
    for file in files:
        file.write_bytes(b"no image")
    assert_named(folder.said()[0], files, "this is not an image")


@pytest.mark.parametrize("name", IMAGES)
def test_annotations_of_images_that_are_not_there(damaged, name):
    folder = damaged(name)
    files = folder.files(IMAGES[name])
    for file in files:
        file.unlink()
    lines, warned = folder.said()
    said = " ".join([*lines, *warned])
    assert all(file.stem.removesuffix("_leftImg8bit") in said for file in files), said


@pytest.mark.parametrize("name", ["penn_fudan", "ade_instances", "color_masks"])
def test_two_images_with_one_label_file(damaged, name):
    folder = damaged(name)
    files = folder.files(IMAGES[name])
    for file in files:
        Image.open(file).save(file.with_suffix(".bmp"))
    assert_named(folder.said()[0], files, "this file and .*bmp belong to one image. Rename or remove one.")


def test_names_that_stand_twice_in_a_list(damaged):
    folder = damaged("voc")
    (file,) = folder.files("VOC2012/ImageSets/Segmentation/train.txt")
    file.write_text("000000\n000001\n000001\n000000\n")
    lines, _ = folder.said()
    assert lines == [f"{file}: '{name}' stands there twice. Remove one." for name in ("000000", "000001")]


def test_two_files_of_one_image_of_labelme(damaged):
    folder = damaged("labelme")
    files = folder.files("*.json")
    copies = [shutil.copy(file, file.with_name(f"z{file.name}")) for file in files]
    assert_named(folder.said()[0], copies, "its image .* is also that of .*. Remove one.")


@pytest.mark.parametrize("name", JSON)
def test_ids_of_images_that_stand_twice(damaged, name):
    folder = damaged(name)

    def change(content):
        for image in content["images"][1:3]:
            image["id"] = content["images"][0]["id"]

    file = folder.edit(JSON[name], change)
    lines, _ = folder.said()
    repeated = [line for line in lines if line.endswith("images[0] has the same id. Give each image its own id.")]
    assert [line.partition(": images")[0] for line in repeated] == [file, file]
    # The annotations of the two images are told too: their ids are gone.
    others = [line for line in lines if line not in repeated]
    assert others
    assert all("but 'images' does not list this id" in line for line in others)


@pytest.mark.parametrize("name", JSON)
def test_annotations_of_other_images_are_checked_beside_a_repeated_id(damaged, name):
    folder = damaged(name)

    def change(content):
        content["images"].append(content["images"][0])
        other = content["images"][1]["id"]
        for one in content["annotations"]:
            one["segmentation"] = WRONG_SIZE if one["image_id"] == other else one["segmentation"]

    folder.edit(JSON[name], change)
    lines, _ = folder.said()
    assert any(line.endswith("images[0] has the same id. Give each image its own id.") for line in lines)
    assert any("the run lengths are of size [20, 20]" in line for line in lines)


@pytest.mark.parametrize("name", JSON)
@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"image_id": 999}, "'image_id' is 999, but 'images' does not list this id"),
        ({"category_id": 999}, "'category_id' is 999, but 'categories' does not list this id"),
        ({"segmentation": WRONG_SIZE}, "the run lengths are of size [20, 20], but the image is [48, 48]"),
        ({"segmentation": [[1, 1, 2, 2]]}, "no polygon has three points"),
    ],
)
def test_annotations_that_cannot_be_read(damaged, name, change, what):
    folder = damaged(name)
    file = folder.edit(JSON[name], lambda content: [one.update(change) for one in content["annotations"][:2]])
    lines, _ = folder.said()
    assert [line.split(" (")[0] for line in lines] == [f"{file}: annotations[{number}]" for number in (0, 1)]
    assert all(what in line for line in lines)


@pytest.mark.parametrize("name", JSON)
@pytest.mark.parametrize(
    ("mask", "what"),
    [
        (OUTSIDE, "the mask has no pixels in the image. Correct or remove it"),
        (FAR, "polygons reach beyond the image by more than a tenth of its size, and are cut off at its border"),
        (LINE, "the mask has no pixels in the image. Correct or remove it"),
        (EMPTY, "the mask has no pixels in the image. Correct or remove it"),
    ],
)
def test_masks_that_are_suspicious(damaged, name, mask, what):
    folder = damaged(name)
    file = folder.edit(
        JSON[name], lambda content: [one.update(segmentation=mask, area=0) for one in content["annotations"][:2]]
    )
    lines, warned = folder.said()
    assert lines == []
    assert any(line.startswith(f"{file}: 2 annotations: {what}") for line in warned), warned


@pytest.mark.parametrize("points", [OUTSIDE, FAR, LINE])
def test_shapes_of_labelme_that_are_suspicious(damaged, points):
    folder = damaged("labelme")
    pairs = list(zip(points[0][0::2], points[0][1::2], strict=True))
    for pattern in ("000000.json", "000001.json"):
        folder.edit(
            pattern,
            lambda content: content["shapes"].append({"label": "cat", "points": pairs, "shape_type": "polygon"}),
        )
    lines, warned = folder.said()
    assert lines == []
    what = "polygons reach beyond" if points == FAR else "the mask has no pixels in the image"
    assert any(line.startswith(f"{folder.root}: 2 annotations: {what}") for line in warned), warned


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("0 5 5 6 5 6 6", "the coordinate 6 lies outside the image"),
        ("7 0 0 1 0 1 1", "'7' is no class"),
        ("0 0 0 1 0", "is 4 numbers|box|no outline"),
    ],
)
def test_lines_of_yolo(damaged, line, what):
    folder = damaged("yolo")
    files = folder.files("train/labels/*.txt")
    for file in files:
        file.write_text(f"{line}\n{file.read_text()}")
    lines, warned = folder.said()
    if lines:
        assert_named(lines, files, f"line 1: .*{what}")
    else:
        assert any(re.search(rf"3 of \d+ lines hold a {what}", text) for text in warned), warned


@pytest.mark.parametrize("line", ["0 1.05 0 1.09 0 1.09 0.5", "0 0.5 0.5 0.5 0.5 0.5 0.5"])
def test_outlines_of_yolo_that_are_suspicious(damaged, line):
    folder = damaged("yolo")
    for file in folder.files("train/labels/*.txt"):
        file.write_text(f"{file.read_text()}\n{line}")
    lines, warned = folder.said()
    assert lines == []
    assert any("left out: 2 outlines enclose nothing in the image. Correct or remove" in text for text in warned)


def test_images_and_json_files_of_different_sizes(damaged):
    folder = damaged("labelme")
    for pattern in ("000000.json", "000001.json"):
        folder.edit(pattern, lambda content: content.update(imageHeight=90))
    assert_named(folder.said()[0], folder.files("*.jpg"), f"the image is {SIZE}x{SIZE} .* gives {SIZE}x90")


OFFICIAL = [
    "ade20k_semantic", "ade20k_instance", "ade20k_panoptic", "ade20k_full", "coco_panoptic", "coco_instance",
    "coco_semantic", "coco_stuff_10k", "cityscapes_semantic", "cityscapes_instance", "cityscapes_panoptic",
    "mapillary_vistas", "mapillary_vistas_66", "voc_2012",
]  # fmt: skip


@pytest.mark.parametrize("base", OFFICIAL)
def test_a_missing_official_folder_names_its_archive(base, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGKIT_DATASETS", str(tmp_path))
    config = load_config({"extends": ["segkit://base/mask_former.yaml", f"segkit://base/{base}.yaml"]})
    for part in ("train", "val"):
        with pytest.raises(DataError, match=r": there is no such file or folder\. It comes from "):
            build_part(DATASETS, config["data"][part]["dataset"])


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("mask_folder", {"images": "a", "labels": "b", "classes": ["sky"]}),
        ("instance_folder", {"images": "a", "labels": "b", "classes": ["car"]}),
        ("coco_instance", {"images": "a", "annotations": ["b", "c"]}),
        ("coco_panoptic", {"images": "a", "annotations": "b", "masks": "c"}),
    ],
)
def test_all_missing_paths_of_a_dataset_are_named_together(tmp_path, monkeypatch, part, settings):
    monkeypatch.setenv("SEGKIT_DATASETS", str(tmp_path))
    with pytest.raises(DataError) as caught:
        build_part(DATASETS, {"type": part, **settings})
    missing = [line.partition(": there is no such")[0] for line in str(caught.value).splitlines()]
    assert missing == [f"{tmp_path}/{name}" for name in ("abc" if part.startswith("coco") else "ab")]
