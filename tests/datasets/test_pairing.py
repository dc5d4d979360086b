"""Pairs of images and label files, and what is said where names do not fit."""

import re

import pytest

from segkit.datasets._pairing import pair_up
from segkit.errors import DataError


@pytest.fixture
def pair(tmp_path):
    """Makes empty files in two folders, which may be one, and pairs them up."""

    def pair(images, labels, one_folder=False):
        folders = [tmp_path / "images", tmp_path / ("images" if one_folder else "labels")]
        for folder, names in zip(folders, (images, labels), strict=True):
            folder.mkdir(exist_ok=True)
            for name in names.split():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).touch()
        return [(image.name, label.name) for image, label in pair_up(*folders)]

    return pair


@pytest.mark.filterwarnings("error")
def test_pairs_have_one_name_and_any_lossless_suffix(pair):
    images = "b.jpg a.PNG c.jfif d.jp2 e.jpeg.jpg"
    assert pair(images, "a.png b.TIF c.bmp d.gif e.jpeg.png ._a.png") == [
        ("a.PNG", "a.png"),
        ("b.jpg", "b.TIF"),
        ("c.jfif", "c.bmp"),
        ("d.jp2", "d.gif"),
        ("e.jpeg.jpg", "e.jpeg.png"),
    ]


def test_everything_that_is_left_out_is_named(pair, tmp_path):
    with pytest.warns(UserWarning, match="not read") as warned:
        assert pair("a.jpg b.heic deep/c.jpg", "a.png a.jpg z.png y.tif notes.txt") == [("a.jpg", "a.png")]
    assert [str(one.message).replace(f"{tmp_path}/", "") for one in warned] == [
        "images: not read: 1 file without the suffix of an image: b.heic; 1 sub-folder with images: deep.",
        "labels: not read: 1 file without the suffix of an image: notes.txt.",
        "labels: not read: 3 label files without an image of the same name in images: a.jpg, y.tif, z.png.",
    ]


LOSSY = (
    "0.jpg may be stored with lossy compression, which changes ids, so they cannot be trusted. Export the labels from "
    "their source again, as PNG; converting these files does not restore the ids."
)


def near(label, image="0.png", new="0.png"):
    return (
        f"{label} may be the one of {image}, but a label file must have the name of its image: rename it to {new}, and "
        "the others alike, in a folder without the images."
    )


@pytest.mark.parametrize(
    ("images", "labels", "problem"),
    [
        ("0.png 1.png", "0.jpg 1.jpg", LOSSY),
        ("0.png 1.png", "0_mask.png 1_mask.png", near("0_mask.png")),
        ("0.jpg 00.jpg", "00-label.tif 0-label.tif", near("0-label.tif", "0.jpg", "0.tif")),
        (
            "0_leftImg8bit.png",
            "0_gtFine_color.png 0_gtFine_labelIds.png",
            near("0_gtFine_labelIds.png", "0_leftImg8bit.png", "0_leftImg8bit.png"),
        ),
        ("A.png", "a.png", near("a.png", "A.png", "A.png")),
        (
            "0.png",
            "aachen/0.png bochum/1.png",
            "There are images in 2 sub-folders (aachen, bochum), but sub-folders are not read. Point 'labels' at one "
            "of them, or move all files into one folder.",
        ),
        (
            "0.png",
            "0.json x.png",
            "The folder holds 2 other files: x.png, 0.json. Add label files of the same names, such as 0.png, or "
            "remove these images.",
        ),
        ("0.png 1.png", "0.png", "Add label files of the same names, such as 1.png, or remove these images."),
    ],
)
def test_missing_labels_are_explained(pair, images, labels, problem):
    with pytest.raises(DataError, match=rf"there is no label file for [^ ,]*.* of .*/images\. {re.escape(problem)}$"):
        pair(images, labels)


def test_images_and_masks_in_one_folder(pair, tmp_path):
    with pytest.raises(DataError, match=re.escape(near("0_mask.png", "0.jpg", "0.png")) + "$"):
        pair("0.jpg 0_mask.png", "", one_folder=True)
    with pytest.raises(DataError, match=r"have the same label file\. Put images and labels into two folders\.$"):
        pair("0.png", "", one_folder=True)


def test_two_labels_of_one_image_are_refused(pair, tmp_path):
    message = f"{tmp_path}/labels/0.tif: this file and 0.png are both labels of {tmp_path}/images/0.png. Remove one."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        pair("0.png", "0.png 0.tif")


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        ("", " Point 'images' at the folder of the images."),
        ("a.heic b.txt", " It holds 2 other files: a.heic, b.txt. Point 'images' at the folder of the images."),
        (
            "aachen/0.png",
            " There are in 1 sub-folder (aachen), but sub-folders are not read. Point 'images' and 'labels' at "
            "sub-folders, or move all files into one folder each.",
        ),
    ],
)
def test_a_folder_without_images_is_explained(pair, tmp_path, images, problem):
    message = f"{tmp_path}/images: there are no images in this folder.{problem}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        pair(images, "")
