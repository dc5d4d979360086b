"""Class lists and images from public reports: each is read rightly, or refused with its reason."""

import re
import subprocess
import sys

import pytest

from segkit.data.class_list import read_classes
from segkit.data.images import read_image
from segkit.errors import DataError


@pytest.fixture(scope="module")
def cases(shared_cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for name in ("c07_class_lists", "c22_exif"):
        subprocess.run([sys.executable, "-B", str(shared_cases / f"{name}.py"), str(folder)], check=True)
    return folder


@pytest.mark.parametrize(
    "name",
    [
        *("_classes.csv", "labelmap.txt", "id2label.json", "label2id.json", "data.yaml", "bom.txt", "bom.json"),
        *("crlf.txt", "numbered.txt", "colon.txt", "comment.txt", "tabs.tsv"),
    ],
)
def test_class_lists_are_read(cases, name):
    classes = read_classes(cases / "c07" / name)
    assert (classes.names, classes.ids) == (("background", "box"), (0, 1))


def test_class_lists_with_other_names(cases):
    assert read_classes(cases / "c07/labels.txt").names == ("_background_", "box")
    assert read_classes(cases / "c07/space.txt").names == ("background", "traffic light")
    assert read_classes(cases / "c07/labelmap.txt").colors == ((0, 0, 0), (128, 0, 0))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("comma.txt", "line 1, 'background,box', is no class name: it may list several."),
        ("latin1.txt", "line 2 is not text in UTF-8 (byte 0xfc)."),
        ("dup.txt", "several classes have the name box."),
    ],
)
def test_other_class_lists_are_refused(cases, name, problem):
    with pytest.raises(DataError, match=re.escape(f"{name}: {problem}")):
        read_classes(cases / "c07" / name)


UPRIGHT_ALREADY = {"no_orientation_value", "text_orientation", "truncated", "empty", "garbage"}
"""Blocks that hold no orientation which can be read."""


def test_metadata_in_any_condition(cases):
    files = sorted((cases / "c22").iterdir())
    assert len(files) > 40
    for file in files:
        expected = (3, 48, 64) if file.stem in UPRIGHT_ALREADY else (3, 64, 48)
        assert tuple(read_image(file).shape) == expected, file


def test_a_broken_tag_beside_the_orientation(shared_cases):
    assert tuple(read_image(shared_cases / "broken_exif.webp").shape) == (3, 10, 12)
