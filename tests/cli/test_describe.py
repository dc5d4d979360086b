"""`segkit describe`."""

import json

import pytest

from segkit.cli.main import main

FOCAL = """\
loss 'focal' of segkit

How sharp masks are.

And more.

alpha: a number or one of 'auto', default 0.25
    weight of the pixels inside.
class_weights: a mapping of numbers or null, default null
weight: a number (at least 0, at most 1000000), default 1.0
    factor of this loss in the sum of all
"""


@pytest.fixture(autouse=True)
def _parts(fake_parts, monkeypatch):
    from tests.helpers.fake_parts import focal

    monkeypatch.setattr(
        focal, "__doc__", "How sharp masks are.\n\nalpha: weight of the pixels\n    inside.\n\nAnd more."
    )


def test_a_part_with_its_settings(capsys):
    assert main(["describe", "loss", "focal"]) == 0
    assert capsys.readouterr().out == FOCAL.replace("one of 'auto'", "'auto'")


def test_what_is_required_and_what_is_nested(capsys):
    assert main(["describe", "models", "per_pixel"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "backbone: a backbone, required",
        "transformer_decoder: a transformer decoder, default null",
    ]


def test_a_part_without_settings(capsys):
    assert main(["describe", "evaluator", "mean_iou"]) == 0
    assert capsys.readouterr().out.endswith("It has no settings.\n")


def test_for_programs(capsys):
    assert main(["describe", "backbone", "plain", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["settings"] == [
        {"name": "width", "type": "an integer", "required": False, "default": 1, "documentation": ""}
    ]
    assert (described["kind"], described["name"], described["provider"]) == ("backbone", "plain", "segkit")


def test_an_unknown_part(capsys):
    assert main(["describe", "loss", "dcie"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "error: there is no loss 'dcie'. Did you mean 'dice'? There are: dice, focal\n"


def test_an_unknown_kind(capsys):
    with pytest.raises(SystemExit):
        main(["describe", "los", "dice"])
    assert "there is no kind of part 'los'. Did you mean 'loss'? There are: backbone, " in capsys.readouterr().err


def test_a_part_of_a_local_file(capsys, tmp_path):
    (tmp_path / "my_described_parts.py").write_text(
        "from segkit import LOSSES\n\n\n@LOSSES.register('mine')\ndef mine(*, width: int = 3):\n    'My own.'\n"
    )
    assert main(["describe", "loss", "mine", "--plugin", str(tmp_path / "my_described_parts.py")]) == 0
    assert capsys.readouterr().out.splitlines()[:4] == [
        "loss 'mine' of my_described_parts.py",
        "",
        "My own.",
        "",
    ]
