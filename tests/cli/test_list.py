"""`segkit list`."""

import json

import pytest

from segkit.cli.main import main

TABLE = """\
KIND  NAME   FROM    DESCRIPTION
loss  dice   segkit  How much masks overlap.
loss  focal  segkit
"""


@pytest.fixture(autouse=True)
def _parts(fake_parts, monkeypatch):
    from tests.helpers.fake_parts import dice

    monkeypatch.setattr(dice, "__doc__", "How much masks overlap.\n\nMore.")
    monkeypatch.setattr("segkit.registries.registry.Candidate.own", False)  # they have no file to be described from


@pytest.mark.parametrize("kind", ["loss", "losses"])
def test_parts_of_one_kind(capsys, kind):
    assert main(["list", kind]) == 0
    assert capsys.readouterr().out == TABLE


def test_all_parts(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["KIND", "NAME", "FROM", "DESCRIPTION"]
    assert [line.split()[:2] for line in lines[1:4]] == [
        ["backbone", "plain"],
        ["backbone", "tiny"],
        ["pixel_decoder", "fpn"],
    ]
    assert lines[-1].split()[:2] == ["checkpoint_format", "foreign"]


def test_for_programs(capsys):
    assert main(["list", "pixel-decoder", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0] == {
        "kind": "pixel_decoder",
        "name": "fpn",
        "provider": "segkit",
        "version": None,
        "description": "",
        "defect": "",
    }


def test_broken_parts_are_marked(capsys, tmp_path, monkeypatch):
    from segkit.registries.discovery import Candidate

    candidate = Candidate("dense", "acme-segkit", "0.1", "gone_altogether", "Dense")
    monkeypatch.setattr("segkit.registries.registry.declared_candidates", lambda group: (candidate,))
    assert main(["list", "matcher"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "matcher  dense      acme-segkit 0.1  BROKEN: ModuleNotFoundError: No module named 'gone_altogether'",
        "matcher  hungarian  segkit",
    ]


def test_an_unknown_kind_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["list", "lose"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(
        "segkit list: error: argument KIND: there is no kind of part 'lose'. Did you mean 'loss'? There are: backbone, "
        "pixel_decoder, transformer_decoder, matcher, loss, postprocessor, model, dataset, transform, evaluator, "
        "optimizer, schedule, hook, checkpoint_format\n"
    )
