"""Label files from public reports: each is read rightly, or refused with its reason."""

import re
import subprocess
import sys

import pytest

from segkit.datasets.mask_folder import MaskFolder
from segkit.errors import DataError
from segkit.ops.targets import label_map_of


@pytest.fixture(scope="module")
def cases(shared_cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("label files")
    for name in ("c01_binary_255", "c08_labels"):
        subprocess.run([sys.executable, "-B", str(shared_cases / f"{name}.py"), str(folder)], check=True)
    return folder


def load(folder, **more):
    parts = [folder, folder] if folder.name == "c08same" else [folder / "images", folder / "labels"]
    settings = {"images": str(parts[0]), "labels": str(parts[1]), "classes": ["background", "object"]}
    return MaskFolder(**settings | more)


@pytest.fixture(scope="module")
def expected(cases):
    """The (H, W) class indices of each sample."""
    return [label_map_of(sample.target, 255).tolist() for sample in load(cases / "c01ok")]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "name",
    [
        *("c0816", "c08bmp", "c08bool", "c08dropped", "c08gif", "c08jpegname", "c08la", "c08palette", "c08rgba"),
        *("c08rgbgrey", "c08tif", "c08upper"),
    ],
)
def test_lossless_ids_are_read(cases, expected, name):
    assert [label_map_of(sample.target, 255).tolist() for sample in load(cases / name)] == expected


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("c08antialias", "labels/0.png: the ids 3, 4 are neither a class nor void."),
        (
            "c08city",
            "0_gtFine_labelIds.png may be the one of 0_leftImg8bit.png. If so, set image_suffix: _leftImg8bit.png and "
            "label_suffix: _gtFine_labelIds.png.",
        ),
        ("c08colour", "labels/0.png: the label map is a color image with colors such as (128, 64, 128)"),
        ("c08jpg", "0.jpg may be stored with lossy compression, which changes ids, so they cannot be trusted."),
        ("c08same", "0_jpg.rf.abc_mask.png may be the label of 0_jpg.rf.abc.jpg. If so, set label_suffix: _mask.png."),
        ("c08suffix", "0_mask.png may be the one of 0.png. If so, set label_suffix: _mask.png."),
        ("c08swap", "labels/0.png: the label map is 48x64, but its image "),
    ],
)
def test_others_are_refused(cases, name, problem):
    with pytest.raises(DataError, match=re.escape(problem)):
        load(cases / name)[0]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("c08city", {"image_suffix": "_leftImg8bit.png", "label_suffix": "_gtFine_labelIds.png"}),
        ("c08same", {"label_suffix": "_mask.png"}),
        ("c08sub", {}),
        ("c08suffix", {"label_suffix": "_mask.png"}),
    ],
)
def test_as_the_messages_say_they_are_read(cases, expected, name, settings):
    assert [label_map_of(sample.target, 255).tolist() for sample in load(cases / name, **settings)] == expected


def test_masks_of_0_and_255(cases):
    dataset = load(cases / "c01")
    pixels = sum(dataset.stored_ids(index) for index in range(len(dataset)))
    assert dataset.explain(pixels) == (
        "no pixel has the id 1 (object), and 15.6 % have the id 255, which is void. If 255 is object, set void: [] and "
        "label_map: {0: background, 255: object}."
    )
    other = load(cases / "c01ok")
    assert other.explain(sum(other.stored_ids(index) for index in range(len(other)))) == ""


def test_masks_of_0_and_255_as_the_explanation_says(cases, expected):
    settings = {"void": [], "label_map": {"0": "background", "255": "object"}, "classes": ["background", "object"]}
    dataset = MaskFolder(images=str(cases / "c01/images"), labels=str(cases / "c01/labels"), **settings)
    assert [label_map_of(sample.target, 255).tolist() for sample in dataset] == expected
