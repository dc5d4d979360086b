"""Pairs of images and label files, and what is said where names do not fit."""

import re

import pytest

from segkit.datasets._pairing import Ends, pair_up
from segkit.errors import DataError


@pytest.fixture
def pair(tmp_path):
    """Makes empty files in two folders, which may be one, and pairs them up."""

    def pair(images, labels, one_folder=False, ends=("", ""), split=None):
        folders = [tmp_path / "images", tmp_path / ("images" if one_folder else "labels")]
        for folder, names in zip(folders, (images, labels), strict=True):
            folder.mkdir(exist_ok=True)
            for name in names.split():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).touch()
        return [
            (pair.image.relative_to(folders[0]).as_posix(), pair.label.relative_to(folders[1]).as_posix())
            for pair in pair_up(*folders, Ends(*ends), split)
        ]

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


@pytest.mark.filterwarnings("error")
def test_sub_folders_are_paired(pair):
    images, labels = "b/1.jpg a/1.jpg a/deep/2.jpg 3.jpg", "a/1.png b/1.png a/deep/2.png 3.png"
    assert [image for image, _ in pair(images, labels)] == ["3.jpg", "a/1.jpg", "a/deep/2.jpg", "b/1.jpg"]


@pytest.mark.filterwarnings("error")
def test_names_may_end_in_suffixes(pair):
    images = "train/aachen/1_leftImg8bit.png train/bochum/1_leftImg8bit.png"
    labels = "train/aachen/1_gtFine_labelIds.png train/aachen/1_gtFine_color.png train/aachen/1_gtFine_polygons.json"
    labels += " train/bochum/1_gtFine_labelIds.png"
    assert pair(images, labels, ends=("_leftImg8bit.png", "_gtFine_labelIds.png")) == [
        ("train/aachen/1_leftImg8bit.png", "train/aachen/1_gtFine_labelIds.png"),
        ("train/bochum/1_leftImg8bit.png", "train/bochum/1_gtFine_labelIds.png"),
    ]


@pytest.mark.filterwarnings("error")
def test_the_suffix_of_the_format_may_be_left_out_and_one_folder_may_hold_both(pair):
    assert pair("a.jpg b.PNG a_mask.png b_mask.tif", "", one_folder=True, ends=("", "_mask")) == [
        ("a.jpg", "a_mask.png"),
        ("b.PNG", "b_mask.tif"),
    ]


@pytest.mark.filterwarnings("error")
def test_labels_may_lie_within_the_folder_of_the_images_and_links_may_go_round(tmp_path):
    for name in ("a.jpg", "b.jpg", "masks/a.png", "masks/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "masks" / "back").symlink_to(tmp_path)
    pairs = pair_up(tmp_path, tmp_path / "masks", Ends(), None)
    assert [pair.name for pair in pairs] == ["a", "b"]


def warnings_of(warned, tmp_path):
    return [str(one.message).replace(f"{tmp_path}/", "") for one in warned]


def test_everything_that_is_left_out_is_named(pair, tmp_path):
    with pytest.warns(UserWarning, match="not read") as warned:
        assert pair("a.jpg b.heic", "a.png a.jpg z.png y.tif notes.txt") == [("a.jpg", "a.png")]
    assert warnings_of(warned, tmp_path) == [
        "images: not read: 1 file without the suffix of an image: b.heic.",
        "labels: not read: 1 file without the suffix of an image: notes.txt.",
        "labels: not read: 3 label files without an image of the same name in images: a.jpg, y.tif, z.png.",
    ]


def test_with_suffixes_other_label_files_are_expected_but_other_images_are_not(pair, tmp_path):
    with pytest.warns(UserWarning, match="not read") as warned:
        pair("a_rgb.png b.png", "a_ids.png c_ids.png a_color.png", ends=("_rgb.png", "_ids.png"))
    assert warnings_of(warned, tmp_path) == [
        "images: not read: 1 image without '_rgb.png' at the end of the name: b.png.",
        "labels: not read: 1 label file without an image of the same name in images: c_ids.png.",
    ]


def test_a_split_needs_the_labels_of_its_images_alone(pair, tmp_path):
    (tmp_path / "train.txt").write_text("a\n")
    split = str(tmp_path / "train.txt")
    assert pair("a.jpg b.jpg", "a.png", split=split) == [("a.jpg", "a.png")]
    ends = ("_rgb.jpg", "_ids.png")
    assert pair("a_rgb.jpg b_rgb.jpg", "a_ids.png", split=split, ends=ends) == [("a_rgb.jpg", "a_ids.png")]


LOSSY = (
    "0.jpg may be stored with lossy compression, which changes ids, so they cannot be trusted. Export the labels from "
    "their source again, as PNG; converting these files does not restore the ids."
)


@pytest.mark.parametrize(
    ("images", "labels", "problem"),
    [
        ("0.png 1.png", "0.jpg 1.jpg", LOSSY),
        (
            "0.png 1.png",
            "0_mask.png 1_mask.png",
            "0_mask.png may be the one of 0.png. If so, set label_suffix: _mask.png.",
        ),
        (
            "0.jpg 00.jpg",
            "00-label.tif 0-label.tif",
            "0-label.tif may be the one of 0.jpg. If so, set label_suffix: -label.tif.",
        ),
        (
            "0_leftImg8bit.png",
            "0_gtFine_color.png 0_gtFine_labelIds.png",
            "0_gtFine_labelIds.png may be the one of 0_leftImg8bit.png. If so, set image_suffix: _leftImg8bit.png and "
            "label_suffix: _gtFine_labelIds.png.",
        ),
        ("A.png", "a.png", "a.png may be the one of A.png. Rename it to A.png, and the others alike."),
        (
            "0.png",
            "aachen/0.png bochum/1.png",
            "ROOT/labels/aachen/0.png may be the one of ROOT/images/0.png, but lies in another sub-folder. Point "
            "'images' "
            "and 'labels' at folders within which both have the same path, such as ROOT/images and ROOT/labels/aachen.",
        ),
        (
            "x/train/0.png",
            "y/train/0_mask.png",
            "ROOT/labels/y/train/0_mask.png may be the one of ROOT/images/x/train/0.png, but lies in another "
            "sub-folder. "
            "Point 'images' and 'labels' at folders within which both have the same path, such as ROOT/images/x and "
            "ROOT/labels/y.",
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
def test_missing_labels_are_explained(pair, tmp_path, images, labels, problem):
    problem = re.escape(problem.replace("ROOT", str(tmp_path)))
    with pytest.raises(DataError, match=rf"there is no label file for [^ ,]*.* of .*/images\. {problem}$"):
        pair(images, labels)


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        ("0.jpg 0_mask.png", "0_mask.png may be the label of 0.jpg. If so, set label_suffix: _mask.png."),
        (
            "0.jpg 1.jpg",
            "Put the label files into a folder of their own, or set 'label_suffix' to the end of their names, such as "
            "_mask.png.",
        ),
        (
            "masks/0.png pictures/0.png",
            "It has 2 sub-folders with images (masks, pictures). Point 'images' and 'labels' at two of them, such as "
            "ROOT/images/pictures and ROOT/images/masks.",
        ),
        (
            "a/0.jpg b/1.jpg",
            "It has 2 sub-folders with images (a, b). Point 'images' and 'labels' at two of them.",
        ),
        (
            "0.jpg masks/0.png",
            "ROOT/images/masks/0.png may be the label of ROOT/images/0.jpg. Point 'images' and 'labels' at folders "
            "within which both have the same path, such as ROOT/images and ROOT/images/masks.",
        ),
        ("0.jpg 0.png", "0.png may be the label of 0.jpg. If so, set label_suffix: .png."),
    ],
)
def test_images_and_masks_in_one_folder(pair, tmp_path, images, problem):
    message = f"{tmp_path}/images: images and labels are the same folder. {problem.replace('ROOT', str(tmp_path))}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        pair(images, "", one_folder=True)


def test_lossy_files_with_the_end_of_label_files_are_explained(pair):
    with pytest.raises(DataError, match=rf"no label file for 0\.jpg of [^ ]*/images\. 0_mask{re.escape(LOSSY[1:])}$"):
        pair("0.jpg 0_mask.jpg", "", one_folder=True, ends=("", "_mask.jpg"))


@pytest.mark.parametrize(
    ("images", "labels", "problem"),
    [
        ("0.jpg 0_mask.png", None, "0_mask.png may be the label of 0.jpg. If so, set label_suffix: _mask.png."),
        ("0.jpg", "0.png", "0.png may be the label of 0.jpg. If so, leave out 'label_suffix'."),
        ("0.jpg 0.png", None, "0.png may be the label of 0.jpg. If so, set label_suffix: .png."),
        (
            "0.jpg",
            "deep/0.png",
            "ROOT/labels/deep/0.png may be the label of ROOT/images/0.jpg. Point 'images' and 'labels' at folders "
            "within which both have the same path, such as ROOT/images and ROOT/labels/deep.",
        ),
        ("0.jpg", "1.png", "The folder holds 1 image: 1.png. Correct 'label_suffix'."),
    ],
)
def test_an_end_that_no_label_file_has_is_explained(pair, tmp_path, images, labels, problem):
    folder = "images" if labels is None else "labels"
    message = f"{tmp_path}/{folder}: the name of no label file ends in '_ids.png'. {problem}"
    with pytest.raises(DataError, match=f"^{re.escape(message.replace('ROOT', str(tmp_path)))}$"):
        pair(images, labels or "", one_folder=labels is None, ends=("", "_ids.png"))


def test_an_end_that_every_image_has_is_explained(pair, tmp_path):
    message = (
        f"{tmp_path}/images: the names of all 2 images end in 'label_suffix', so that each is a label file: a.png, "
        "b.png. Correct 'label_suffix'."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        pair("a.png b.png", "", one_folder=True, ends=("", ".png"))


def test_all_problems_are_told_together(pair, tmp_path):
    with pytest.raises(DataError) as caught:
        pair("0.png 0.jpg 1.png 2.png", "0.png 1.png 1.tif")
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "labels: there is no label file for 2.png of images. Add label files of the same names, such as 2.png, or "
        "remove these images.",
        "images/0.png: this file and 0.jpg belong to one image. Rename or remove one.",
        "labels/1.tif: this file and 1.png belong to one image. Rename or remove one.",
    ]


@pytest.mark.parametrize(
    ("images", "ends", "problem"),
    [
        ("", ("", ""), "there are no images in this folder. Point 'images' at the folder of the images."),
        (
            "a.heic b.txt",
            ("", ""),
            "there are no images in this folder. It holds 2 other files: a.heic, b.txt. Point 'images' at the folder "
            "of "
            "the images.",
        ),
        (
            "a.png",
            ("_rgb.png", ""),
            "the name of no image ends in '_rgb.png'. The folder holds 1 image: a.png. Correct 'image_suffix'.",
        ),
    ],
)
def test_a_folder_without_images_is_explained(pair, tmp_path, images, ends, problem):
    message = f"{tmp_path}/images: {problem}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        pair(images, "", ends=ends)
