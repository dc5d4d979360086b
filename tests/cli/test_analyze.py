"""`segkit analyze`."""

import json

import pytest

from segkit.cli.main import main
from tests.helpers.tiny import write_tiny


def test_as_a_table(tmp_path, capsys):
    file = write_tiny(tmp_path)
    assert main(["analyze", str(file), "--size", "60", "64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{file}: 8 classes, one image of 64x64"
    parts = [line.split("│")[1].rstrip() for line in lines if line.startswith("│")]
    assert parts[0] == " backbone"
    assert "   body.layer1" in parts
    assert parts[-2:] == [" masks", " total"]


def test_as_json_with_overrides_and_classes(tmp_path, capsys):
    arguments = ["--classes", "5", "--json", "--size", "64", "64", "model.transformer_decoder.num_queries=3"]
    assert main(["analyze", str(write_tiny(tmp_path)), *arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["num_classes"] == 5
    assert answer["size"] == [64, 64]
    assert answer["parts"]["masks"]["multiply_adds"] == 3 * 16 * 8 * 8
    assert answer["parts"]["transformer_decoder.class_head"]["parameters"] == 16 * 6 + 6


def test_without_a_dataset(tmp_path, capsys):
    file = write_tiny(tmp_path)
    file.write_text(file.read_text().partition("data:")[0])
    assert main(["analyze", str(file)]) == 2
    assert capsys.readouterr().err == (
        f"error: {file}: data: the classes come from the dataset, and the config names none.\n"
        "Without the dataset, give the number of classes: --classes N\n"
    )
    assert main(["analyze", str(file), "--classes", "2"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classes", "0"], "argument --classes: must be at least 1, not 0."),
        (["--classes", "2.5"], "argument --classes: must be an integer, not '2.5'."),
        (["--size", "0", "64"], "argument --size: must be at least 1, not 0."),
    ],
)
def test_a_wrong_option(tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        main(["analyze", str(write_tiny(tmp_path)), *arguments])
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"usage: segkit analyze: error: {message}".removeprefix(
        "usage: "
    )
