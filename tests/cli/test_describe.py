"""`segkit describe`."""

import json

import pytest

from segkit.cli.main import main
from segkit.config.descriptions import describe_section, sections
from segkit.registries import BY_KIND

FOCAL = """\
loss 'focal' of segkit

How sharp masks are.

alpha: a number or one of 'auto', default 0.25
    weight of the pixels inside.
class_weights: a mapping of numbers or null, default null
weight: a number (at least 0, at most 1000000), default 1.0
    Factor of this loss in the sum of all.

And more.

Raises:
    ConfigError: never.
"""


@pytest.fixture(autouse=True)
def _parts(fake_parts, monkeypatch):
    from tests.helpers.fake_parts import focal

    monkeypatch.setattr(
        focal,
        "__doc__",
        "How sharp masks are.\n\nalpha: weight of the pixels\n    inside.\n\nAnd more.\n\n"
        "Raises:\n    ConfigError: never.\n\nExample:\n    >>> focal()\n\n    >>> focal()\n",
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
    assert main(["describe", "loss", "dcie"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: there is no loss 'dcie'. Did you mean 'dice'? There are: dice, focal\n"


def test_an_unknown_kind(capsys):
    assert main(["describe", "los", "dice"]) == 1
    assert capsys.readouterr().err == (
        "error: there is no kind of part and no section 'los'. Did you mean 'loss'? Kinds are: "
        f"{', '.join(BY_KIND)}. Sections are: config, criterion, data, data.train, data.val, training\n"
    )


def test_a_kind_without_a_name(capsys):
    assert main(["describe", "losses"]) == 1
    assert capsys.readouterr().err == "error: name a loss. There are: dice, focal\n"


def test_a_section(capsys):
    assert main(["describe", "data.train"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "section 'data.train'",
        "",
        "A dataset for training and how it is loaded.",
        "",
        "dataset: a dataset, required",
    ]
    first = lines.index("workers: an integer (at least 0), default 2")
    assert lines[first : first + 7] == [
        "workers: an integer (at least 0), default 2",
        "    Worker processes that load data; 0 loads in the main process.",
        "timeout: a number (above 0), default 300.0",
        "    Seconds to wait for a batch of the workers. Then the sample that hangs is",
        "    named.",
        "limit: an integer or null (at least 1), default null",
        "    Use only the first `limit` images of the dataset.",
    ]


def test_the_whole_config_and_its_sections(capsys):
    assert main(["describe", "config"]) == 0
    assert "\ntraining: a mapping, default null\n" in capsys.readouterr().out
    assert main(["describe", "training", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert (described["section"], described["documentation"]) == ("training", "How the model is optimized.")
    assert described["settings"][0] == {
        "name": "steps",
        "type": "an integer (at least 1)",
        "required": True,
        "default": None,
        "documentation": "Optimizer steps of the whole training.",
    }


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


@pytest.mark.parametrize("section", sections())
def test_every_section_prints_its_settings_with_their_meaning(section, capsys):
    assert main(["describe", section]) == 0
    out = capsys.readouterr().out
    described = describe_section(section).settings
    assert described
    for setting in described:
        assert setting.documentation, setting.name
        assert f"\n{setting.name}: {setting.type}, " in out
