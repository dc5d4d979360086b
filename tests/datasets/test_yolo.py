"""YOLO segmentation: text files beside images, and what data.yaml says of their folders."""

import re
import warnings

import numpy as np
import pytest
from PIL import Image

from segkit.datasets.yolo import Yolo
from segkit.errors import DataError

SQUARE = "0 0.2 0.25 0.6 0.25 0.6 0.75 0.2 0.75"


class Folder:
    """10x8 images in `images/train` with text files in `labels/train`."""

    def __init__(self, root):
        self.root, self.yaml = root, root / "data.yaml"
        self.write("train: images/train\nnames: {0: cat, 1: dog}\n")

    def write(self, text):
        self.yaml.write_text(text)

    def add(self, *lines, name="a", images="images/train"):
        image = self.root / images / f"{name}.jpg"
        label = self.root / images.replace("images", "labels") / f"{name}.txt"
        for file in (image, label):
            file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10, 8)).save(image)
        label.write_text("\n".join(lines))

    def load(self, split="train"):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            dataset = Yolo(data=str(self.yaml), split=split)
        self.warnings = [str(one.message).replace(f"{self.root}/", "") for one in found]
        return dataset

    def refused(self, split="train"):
        with pytest.raises(DataError) as caught:
            self.load(split)
        return str(caught.value).replace(f"{self.root}/", "")


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_outlines_are_fractions_of_the_image(folder):
    folder.add(SQUARE, "", "1.0 0 0 0.1 0 0.1 1 0 1.05")
    dataset = folder.load()
    (sample,) = (dataset[index] for index in range(len(dataset)))
    assert sample.image_id == "images/train/a"
    assert sample.target.labels.tolist() == [0, 1]
    expected = np.zeros((2, 8, 10), dtype=bool)
    expected[0, 2:6, 2:6] = True
    expected[1, :, 0] = True
    assert np.array_equal(sample.target.masks.numpy(), expected)
    assert sample.target.areas.tolist() == [16, 8]
    assert (dataset.classes.names, dataset.classes.things) == (("cat", "dog"), (True, True))
    assert folder.warnings == []


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("train: images/train\nnames: [cat, dog]", "images/train"),
        ("train: ../train/images\nnc: 2\nnames: [cat, dog]", "train/images"),
        ("path: ../datasets/coco8-seg\ntrain: images/train\nnames: [cat, dog]", "images/train"),
        ("path: data\ntrain: images\nnames: [cat, dog]", "data/images"),
        ("train: .\\images\\train\nnames: [cat, dog]", "images/train"),
        ("train: /kaggle/input/images/train\nnames: [cat, dog]", "kaggle/input/images/train"),
        ("train: [images/train, images/more]\nnames: [cat, dog]", "images/more"),
        ("train: train.txt\nnames: [cat, dog]", "images/train"),
    ],
)
def test_folders_as_files_name_them(folder, text, images):
    folder.add(SQUARE, name="b")
    folder.add(SQUARE, images=images)
    folder.write(text)
    (folder.root / "train.txt").write_text("./images/train/a.jpg\n")
    names = [sample.file for sample in map(folder.load().__getitem__, range(len(folder.load())))]
    assert f"{folder.root}/{images}/a.jpg" in names


def test_a_list_of_names_that_no_system_allows(folder):
    folder.write("train: train.txt\nnames: [cat]")
    (folder.root / "train.txt").write_text("a" * 5000)
    assert folder.refused().startswith("train.txt: 1 of 1 listed images do not exist: aaa")


def test_text_files_may_lie_beside_the_images(folder):
    folder.write("train: mine\nnames: [cat]")
    folder.add(SQUARE, images="mine")
    assert folder.load().annotation_counts(1).segments == [1]


def test_images_without_objects_and_boxes_are_counted(folder):
    folder.add(SQUARE, "1 0.5 0.5 0.1 0.1")
    folder.add(name="b")
    folder.add(name="c")
    (folder.root / "labels/train/c.txt").unlink()
    dataset = folder.load()
    assert [len(dataset[index].target) for index in range(3)] == [1, 0, 0]
    assert folder.warnings == [
        "data.yaml: 1 of 2 lines hold a box but no outline and are left out: their objects count as background. Draw "
        "their outlines to learn from them. The first is labels/train/a.txt, line 2.",
        "data.yaml: 1 image without a text file, so without objects: c.jpg.",
    ]


@pytest.mark.parametrize("line", ["1 0.5 0.5 0.5 0.5 0.5 0.5", "1 0.5 1 0.6 1 0.6 1.05", "1 -0.1 0 0 0 0 1"])
def test_outlines_of_nothing_are_counted(folder, line):
    folder.add(SQUARE, line)
    assert folder.load().annotation_counts(1).segments == [1, 0]
    assert folder.warnings == [
        "data.yaml: left out: 1 outline encloses nothing in the image. Correct or remove the lines. The first is "
        "labels/train/a.txt, line 2."
    ]


def test_text_files_without_an_image_are_counted(folder):
    folder.add(SQUARE)
    folder.add(SQUARE, name="b")
    (folder.root / "images/train/b.jpg").unlink()
    (folder.root / "labels/train/classes.txt").write_text("cat\n")
    assert len(folder.load()) == 1
    assert folder.warnings == [
        "data.yaml: left out: 1 text file without an image of the same name: b.txt. Restore the images, or remove the "
        "files."
    ]


def test_files_that_are_not_read_are_named(folder):
    folder.write("train: .\nnames: [cat]")
    folder.add(SQUARE)
    folder.add(SQUARE, name="b")
    (folder.root / "images/train/b.jpg").rename(folder.root / "images/train/b.heic")
    for name in ("labels/train.cache", "images/train/a.npy"):
        (folder.root / name).touch()
    assert len(folder.load()) == 1
    assert folder.warnings == [
        f"{folder.root}: not read: 1 file without the suffix of an image: b.heic.",
        "data.yaml: left out: 1 text file without an image of the same name: b.txt. Restore the images, or remove the "
        "files.",
    ]


def test_boxes_alone_are_refused(folder):
    folder.add("1 0.5 0.5 0.1 0.1")
    assert folder.refused() == "data.yaml: 'train' has no outline, but boxes alone: 1 line. Export outlines."


def test_all_problems_of_all_files_are_told(folder):
    folder.add("2 0 0 1 0 1 1", "0 0 0 1 0", "0 0 0 1 0 1 x", "0 0 0 1 0 1 1 1", "cat 0 0 1 0 1 1", "0 nan 0 1 0 1 1")
    folder.add("0 10 10 20 10 20 20", name="b")
    assert folder.refused().splitlines() == [
        "labels/train/a.txt: line 3: 'x' is no number. Correct or remove the line.",
        "labels/train/a.txt: line 4: there are 7 numbers after the class, but an outline has an x and a y for each of "
        "at least three points. Correct or remove the line.",
        "labels/train/a.txt: line 6: 'nan' is no number. Correct or remove the line.",
        "labels/train/a.txt: line 1: '2' is no class. The classes are 0, 1: correct the line, or 'names' in the "
        "data.yaml.",
        "labels/train/a.txt: line 5: 'cat' is no class. The classes are 0, 1: correct the line, or 'names' in the "
        "data.yaml.",
        "labels/train/b.txt: line 1: the coordinate 20 lies outside the image. Coordinates are fractions of its width "
        "and height: divide those in pixels, and correct or remove others.",
    ]


def test_lines_of_one_unknown_class_are_one_problem(folder):
    folder.add(*["cat 0 0 1 0 1 1"] * 12)
    folder.add("0 0 0 1 0 1 1", "cat 0 0 1 0 1 1", "2 0 0 1 0 1 1", name="b")
    assert folder.refused().splitlines() == [
        "labels/train/a.txt: line 1: 'cat' is no class, here and in 11 other lines. The classes are 0, 1: correct the "
        "line, or 'names' in the data.yaml.",
        "labels/train/b.txt: line 2: 'cat' is no class. The classes are 0, 1: correct the line, or 'names' in the "
        "data.yaml.",
        "labels/train/b.txt: line 3: '2' is no class. The classes are 0, 1: correct the line, or 'names' in the "
        "data.yaml.",
    ]


FOLDERS = {
    "a split that is not there": (
        "train: images/train\nval: images/val\nnames: [cat]",
        "test",
        "data.yaml: 'split' is test, but this file names no images under 'test'. It has: train, val. Choose one of "
        "these, or add the folder of the images to the file.",
    ),
    "a split that is empty": (
        "train: images/train\ntest:\nnames: [cat]",
        "test",
        "data.yaml: 'split' is test, but this file names no images under 'test'. It has: train. Choose one of these, "
        "or add the folder of the images to the file.",
    ),
    "a folder that is not there": (
        "train: images/train\nval: ../val\nnames: [cat]",
        "val",
        "data.yaml: there is no ../val, val. Correct '../val' in the file: paths are relative to it, or to its 'path'.",
    ),
    "images that a list names": (
        "train: train.txt\nnames: [cat]",
        "train",
        "train.txt: 1 of 2 listed images do not exist: images/b.jpg. Correct or remove the lines; paths are relative "
        "to the file.",
    ),
    "no images": (
        "train: labels\nnames: [cat]",
        "train",
        "data.yaml: 'train' names no images. Correct the folder, or add",
    ),
    "no text files": (
        "train: images/other\nnames: [cat]",
        "train",
        "data.yaml: no image of 'train' has a text file. The first is expected at labels/other/a.txt. Put the text "
        "files into a folder 'labels' beside 'images'.",
    ),
    "numbers of names": (
        "train: images/train\nnc: 3\nnames: [cat]",
        "train",
        "data.yaml: nc is 3, but names has 1 class.",
    ),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_wrong_folders_are_explained(folder, case):
    text, split, problem = FOLDERS[case]
    folder.add(SQUARE)
    folder.add(SQUARE, images="images/other")
    (folder.root / "labels/other/a.txt").unlink()
    (folder.root / "train.txt").write_text("images/train/a.jpg\nimages/b.jpg\n")
    folder.write(text)
    assert re.match(re.escape(problem), folder.refused(split))


def test_lines_twice(folder):
    folder.add(SQUARE, SQUARE, SQUARE.replace("0 ", "1 ", 1))
    folder.load()
    assert folder.warnings == [
        "data.yaml: 1 line repeats an earlier one of the same file, so the object counts twice. Remove one of both. "
        "The first is labels/train/a.txt, line 2."
    ]
