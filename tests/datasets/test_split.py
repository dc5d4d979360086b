"""Which images a split chooses."""

import re
from pathlib import Path

import pytest

from segkit.config import load_config
from segkit.datasets._split import chosen
from segkit.errors import ConfigError, DataError

NAMES = [f"{folder}/{number:03}.jpg" for folder in "ab" for number in range(50)]
WHERE = Path("images")


@pytest.mark.parametrize("fraction", [0.2, 1 / 3, 0.001, 0.999])
def test_a_share_and_its_rest_are_all_images(fraction):
    validation, training = (chosen(NAMES, {key: fraction, "seed": 3}, WHERE) for key in ("share", "all_but"))
    assert len(validation) == min(max(round(fraction * 100), 1), 99)
    assert sorted([*validation, *training]) == NAMES
    assert validation == sorted(validation)


def test_a_share_depends_on_the_seed_but_hardly_on_other_images():
    first = chosen(NAMES, {"share": 0.2}, WHERE)
    assert first == chosen(NAMES, {"share": 0.2, "seed": 0}, WHERE)
    assert first != chosen(NAMES, {"share": 0.2, "seed": 1}, WHERE)
    with_more = chosen([*NAMES, "c/0.jpg", "c/1.jpg"], {"share": 0.2}, WHERE)
    assert len(set(first) - set(with_more)) <= 2


def test_without_a_split_all_are_chosen():
    assert chosen(NAMES, None, WHERE) == NAMES


@pytest.fixture
def listed(tmp_path):
    def listed(text, names=NAMES, suffix=""):
        (tmp_path / "train.txt").write_text(text)
        return chosen(names, str(tmp_path / "train.txt"), WHERE, suffix)

    return listed


@pytest.mark.parametrize(
    "line",
    [
        *("b/007.jpg", "b/007", "./b/007.jpg", "images/train/b/007.jpg", "/data/b/007.jpg", "b\\007.jpg", "  b/007  "),
        "/data/b/007.jpg /labels/b/007.png",
    ],
)
def test_a_line_may_have_many_forms(listed, line):
    assert listed(f"\ufeffa/001.jpg\r\n{line}\r\n\r\n") == ["a/001.jpg", "b/007.jpg"]


def test_a_name_alone_is_enough_if_only_one_image_has_it(listed):
    names = ["a/1_rgb.png", "b/2_rgb.png", "c d.png"]
    assert listed("1\n2_rgb\nc d", names, "_rgb.png") == names


def test_names_may_lack_the_suffix_that_a_list_has(listed):
    assert listed("a.jpg\nb.c.jpg", ["a", "b.c", "b"]) == ["a", "b.c"]


def test_all_wrong_lines_are_named(listed, tmp_path):
    with pytest.raises(DataError) as caught:
        listed("a/001\n007\nzebra\na/001.jpg\n")
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "train.txt: line 2: there is no image '007' in images. Did you mean 'b/007'? Correct or remove the line.",
        "train.txt: line 3: there is no image 'zebra' in images. Correct or remove the line.",
        "train.txt: line 4: 'a/001.jpg' stands in line 1 already. Remove one.",
    ]


def test_an_empty_list_is_refused(listed, tmp_path):
    message = f"{tmp_path}/train.txt: the list is empty. Write the name of an image on each line."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        listed("\n")


FORMS = (
    "Write the name of a list of images, or {share: 0.2, seed: 0} for a fifth of the images, or {all_but: 0.2, seed: "
    "0} for the others."
)


@pytest.mark.parametrize(
    ("split", "problem"),
    [
        ({}, f"split: the keys are missing. {FORMS}"),
        ({"share": 0.2, "all_but": 0.2}, f"split: the keys are share, all_but. {FORMS}"),
        ({"share": 0.2, "sed": 0}, f"split: the keys are share, sed. {FORMS}"),
        ({"share": 1}, f"split: share must lie between 0 and 1, and seed must be a whole number up to 2**53. {FORMS}"),
        (
            {"all_but": 0.5, "seed": 0.5},
            f"split: all_but must lie between 0 and 1, and seed must be a whole number up to 2**53. {FORMS}",
        ),
        ({"share": 0.5, "seed": 1e99}, "split: share must lie between 0 and 1, and seed must be a whole number up to"),
        ({"share": 0.5, "seed": -1e16}, "split: share must lie between 0 and 1, and seed must be a whole number up to"),
        ({"all_but": 0.5, "seed": float("inf")}, "split: all_but must lie between 0 and 1, and seed must be a whole"),
    ],
)
def test_a_malformed_split_is_refused(split, problem):
    with pytest.raises(DataError, match=f"^{re.escape(problem)}"):
        chosen(NAMES, split, WHERE)


@pytest.mark.parametrize("split", ["{shar: 0.2}", "{share: 1}", "{}"])
def test_the_check_of_a_config_refuses_it_too(split):
    dataset = f"{{type: mask_folder, images: a, labels: b, classes: [c], split: {split}}}"
    with pytest.raises(ConfigError) as caught:
        load_config("configs/quickstart.yaml", [f"data.train.dataset={dataset}"])
    line, *others = str(caught.value).splitlines()
    assert line.startswith("<command line>: data.train.dataset.split: ")
    assert line.endswith(FORMS)
    assert not others


def test_one_image_cannot_be_divided():
    message = "images: 1 image cannot be divided into a part for training and one for validation. Add images."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        chosen(["a.jpg"], {"share": 0.5}, WHERE)
