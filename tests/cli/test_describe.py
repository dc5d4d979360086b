"""`segkit describe`."""

import json

import pytest

import segkit
from segkit.cli.main import main
from segkit.config.descriptions import describe_section, sections
from segkit.registries import BY_KIND
from segkit.registries.contract import properties_of

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
    own, common = described["settings"]
    assert own == {"name": "width", "type": "an integer", "required": False, "default": 1, "documentation": ""}
    assert common["name"] == "frozen"  # of every backbone
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


def test_a_kind(capsys):
    assert main(["describe", "matcher"]) == 0
    printed = capsys.readouterr().out.rpartition("there are: ")[0]
    assert (
        printed
        == """\
the contract of a matcher, segkit.registries.Matcher

Assigns queries to the segments of the targets.

matcher(layers: list[Prediction], targets: list[Target]) -> list[list[Match]]
    The predictions of all decoder layers and B targets -> per layer and image (query_index, target_index).

    The indices are on the CPU. Pixels that are not valid do not count. At most one transfer from the device per
    call.

optional, segkit.registries.Stepped

A part that changes with the step, such as a loss that ramps up or attention masks that are annealed.

The method is optional. Every module inside the model or the criterion may have it, and a matcher. What it sets
follows from `step` and `steps` alone, so that a resumed training goes on alike. What an evaluation needs of it is
kept in a buffer, which is saved with the weights: a model that is loaded from a checkpoint gets no call.

on_step(step: int, steps: int) -> None
    Called once before each optimizer step, 0 <= step < steps, however many batches the step has.

parameters before '*': none; YAML sets those after it
registered by: an entry point of the group segkit.matchers, or @segkit.MATCHERS.register("name")
checked by: segkit.testing.check_matcher
a new one: segkit new-plugin NAME --kind matcher
"""
    )


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_kind_prints_all_that_its_check_asks_for(kind, capsys):
    assert main(["describe", kind]) == 0
    out = capsys.readouterr().out
    for contract in (BY_KIND[kind].contract, *BY_KIND[kind].optional):
        assert f"segkit.registries.{contract.__name__}" in out
        assert all(f"\n{name}: " in out for name in properties_of(contract))
    assert main(["describe", BY_KIND[kind].plural, "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["check"] == f"segkit.testing.check_{kind}"
    assert hasattr(segkit, described["registry"].removeprefix("segkit."))
    assert described["contract"]["contract"] == f"segkit.registries.{BY_KIND[kind].contract.__name__}"


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
