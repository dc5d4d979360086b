"""`segkit check --data`."""

from pathlib import Path

import pytest
from PIL import Image

from segkit.cli.main import main
from tests.helpers.tiny import tiny_yaml
from tests.test_parts import mask_folder


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("right.yaml").write_text(tiny_yaml())
    Path("wrong.yaml").write_text(tiny_yaml().replace("steps", "stepz"))


@pytest.fixture
def masks(tmp_path):
    """A config whose validation set has a label file with an id of no class."""
    mask_folder(tmp_path)
    Image.new("L", (7, 5), 9).save(tmp_path / "labels/1.png")
    dataset = f"{{type: mask_folder, images: {tmp_path}/images, labels: {tmp_path}/labels, classes: [sky, sea]}}"
    text = tiny_yaml().replace("{type: shapes, length: 3, size: [64, 64], seed: 1}", dataset)
    Path("masks.yaml").write_text(text)
    return tmp_path


def test_data_are_read_and_all_problems_printed(masks, capsys):
    assert main(["check", "--data", "masks.yaml", "data.train.limit=3"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "masks.yaml: OK"
    assert lines[1].startswith("data.train: 3 of 3 images: ")
    assert lines[2].startswith("data.val: 1 of 2 images: ")
    assert lines[3].split("  ")[0] == "class"
    assert [line for line in lines if line.startswith("error: ")] == [
        f"error: data.val: {masks}/labels/1.png: the ids 9 are neither a class nor void. The 2 classes have the ids "
        "0, 1. Name the others in 'void', or map all ids in 'label_map'.",
        "error: data.val: the dataset has other classes than data.train (8 classes there, 2 here; only there: 'grass', "
        "'sand', 'water', 'circle', 'square', 'triangle', 'star'; only here: 'sea').",
    ]
    assert lines[-1].startswith("masks.yaml: data: 2 errors, ")
    assert lines[-1].endswith(". All of them, with images: masks_data.html")
    assert "<h1>Data of masks.yaml</h1>" in Path("masks_data.html").read_text()


def test_data_without_errors_are_well(capsys):
    assert main(["check", "right.yaml", "--data", "--html", "a/page.html", "data.train.limit=2"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("All of them, with images: a/page.html")
    assert Path("a/page.html").is_file()


def test_the_pages_of_starter_configs_are_named_like_their_folders(capsys):
    for folder in ("pets", "cells"):
        Path(folder).mkdir()
        Path(folder, "config.yaml").write_text(tiny_yaml())
    few = ["data.train.limit=2", "data.val.limit=2"]
    assert main(["check", "--data", "pets/config.yaml", "cells/config.yaml", *few]) == 0
    assert {file.name for file in Path().glob("*.html")} == {"pets_data.html", "cells_data.html"}


def test_a_page_of_another_config_is_not_replaced(capsys):
    for folder in ("a/pets", "b/pets"):
        Path(folder).mkdir(parents=True)
        Path(folder, "config.yaml").write_text(tiny_yaml())
    few = ["data.train.limit=2", "data.val.limit=2"]
    for _ in range(2):
        assert main(["check", "--data", "a/pets/config.yaml", "b/pets/config.yaml", *few]) == 0
    pages = {file.name: file.read_text() for file in Path().glob("*.html")}
    assert pages.keys() == {"pets_data.html", "pets_data_2.html"}
    assert "<h1>Data of a/pets/config.yaml</h1>" in pages["pets_data.html"]
    assert "<h1>Data of b/pets/config.yaml</h1>" in pages["pets_data_2.html"]


def test_a_page_of_nothing_is_refused(capsys):
    assert main(["check", "right.yaml", "--html", "page.html"]) == 1
    assert main(["check", "right.yaml", "wrong.yaml", "--data", "--html", "page.html"]) == 1
    assert capsys.readouterr().err == (
        "error: --html: no effect without --data. Add --data, or leave out --html.\n"
        "error: --html: 2 configs cannot have one page. Check them one by one.\n"
    )


def test_a_wrong_config_has_no_data(capsys):
    assert main(["check", "--data", "wrong.yaml"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "wrong.yaml: 2 problems"
