"""`segkit check`."""

from pathlib import Path

import pytest

from segkit.cli.main import main
from tests.helpers.fake_parts import CONFIG


@pytest.fixture(autouse=True)
def _files(fake_parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("segkit.training.refusals.refusals", lambda config, begun: [])  # these parts cannot be built
    (tmp_path / "right.yaml").write_text(CONFIG)
    (tmp_path / "wrong.yaml").write_text(CONFIG.replace("steps", "stepz"))


def test_right_configs_get_a_line_each(capsys):
    assert main(["check", "right.yaml", "right.yaml"]) == 0
    assert capsys.readouterr().out == "right.yaml: OK\nright.yaml: OK\n"


def test_a_wrong_config_does_not_keep_others_from_being_checked(capsys):
    assert main(["check", "missing.yaml", "wrong.yaml", "right.yaml"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["missing.yaml: there is no such file.", "missing.yaml: 1 problem"]
    assert lines[2] == "wrong.yaml:16: training: training needs 'steps', an integer. Add it."
    assert lines[3].startswith("wrong.yaml:17: training.stepz: training takes no 'stepz'. Did you mean 'steps'?")
    assert lines[4:] == ["wrong.yaml: 2 problems", "right.yaml: OK"]


def test_overrides_apply_to_every_config(capsys):
    Path("parts_to_check.py").touch()
    assert (
        main(
            [
                "check",
                "wrong.yaml",
                "training.steps=3",
                "right.yaml",
                "--plugin",
                "parts_to_check.py",
                "training.seed=x",
            ]
        )
        == 1
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "<command line>: training.seed: must be an integer, not 'x'."
    assert lines[1].startswith("wrong.yaml:17: training.stepz: training takes no 'stepz'.")
    assert lines[2:] == [
        "wrong.yaml: 2 problems",
        "<command line>: training.seed: must be an integer, not 'x'.",
        "right.yaml: 1 problem",
    ]


def test_a_folder_with_an_equals_sign_is_a_config(capsys):
    Path("seed=1").mkdir()
    Path("seed=1", "config.yaml").write_text(CONFIG)
    assert main(["check", "seed=1"]) == 0
    assert capsys.readouterr().out == "seed=1: OK\n"


def test_overrides_alone_are_refused(capsys):
    assert main(["check", "training.steps=3"]) == 1
    assert capsys.readouterr().err == "error: 'training.steps=3' is an override. Name a config as well.\n"


def test_plugins_are_executed_first(capsys):
    assert main(["check", "right.yaml", "--plugin", "gone.py"]) == 1
    assert capsys.readouterr().out.startswith("<command line>: plugins.0: there is no file ")


@pytest.mark.parametrize("name", ["lr=0.1.yaml", "sweeps/seed=1.yml"])
def test_a_missing_file_with_an_equals_sign_is_a_missing_file(name, capsys):
    assert main(["check", name]) == 1
    assert capsys.readouterr().out == f"{name}: there is no such file.\n{name}: 1 problem\n"


def test_an_override_may_name_a_yaml_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(CONFIG)
    assert main(["check", "a.yaml", "init_from=other.yaml"]) == 0
    assert capsys.readouterr().out == "a.yaml: OK\n"
    assert main(["check", "a.yaml", f"training.seed={2**64}"]) == 1
    assert "training.seed" in capsys.readouterr().out
