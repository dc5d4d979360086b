"""`segkit browse`."""

import re
from pathlib import Path

import pytest
from PIL import Image

from segkit.cli.main import main
from tests.helpers.tiny import write_tiny


@pytest.fixture(autouse=True)
def _config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path)


def test_a_page_is_written(capsys):
    assert main(["browse", "tiny.yaml", "--images", "2"]) == 0
    assert capsys.readouterr().out == "drawn: tiny_samples.html\n"
    text = Path("tiny_samples.html").read_text()
    assert "<h1>Samples of tiny.yaml</h1>" in text
    assert text.count("<img") == 4


def test_a_folder_is_written(capsys):
    assert main(["browse", "tiny.yaml", "--output", "drawn", "data.train.limit=1"]) == 0
    assert capsys.readouterr().out == "drawn: drawn\n"
    assert len(list(Path("drawn/train").iterdir())) == 1
    assert len(list(Path("drawn/val").iterdir())) == 3


def test_a_bad_image_is_named_and_the_others_are_drawn(capsys):
    Path("images").mkdir()
    for name in "ab":
        Image.new("RGB", (64, 64)).save(f"images/{name}.png")
    Path("labels").mkdir()
    Image.new("L", (64, 64), 7).save("labels/a.png")
    Image.new("L", (64, 64), 1).save("labels/b.png")
    folders = f"images: {Path.cwd()}/images, labels: {Path.cwd()}/labels"
    dataset = f"data.train.dataset={{type: mask_folder, {folders}, classes: [sky, sea]}}"
    code = main(["browse", "tiny.yaml", "--output", "drawn", dataset])
    out, err = capsys.readouterr()
    assert code == 1
    assert out == "drawn: drawn\n"
    assert re.fullmatch(r"error: \S*labels/a\.png: the ids 7 are neither .*\n", err)
    assert [file.name for file in Path("drawn/train").iterdir()] == ["b.png"]
    assert len(list(Path("drawn/val").iterdir())) == 3


def test_settings_without_effect_are_refused(capsys):
    words = ["model.transformer_decoder.num_queries=3", "data.val.workers=0", "training.steps=3", "training.seed=1"]
    assert main(["browse", "tiny.yaml", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == (
        "error: <command line>: model.transformer_decoder.num_queries: has no effect: segkit browse does not use this "
        "setting. Leave it out."
    )


def test_a_file_in_the_place_of_the_folder(capsys):
    Path("drawn").touch()
    assert main(["browse", "tiny.yaml", "--output", "drawn"]) == 1
    assert capsys.readouterr().err == "error: drawn: cannot be written (drawn is not a folder).\n"
