"""`segkit sweep`."""

import csv
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from segkit.cli.main import main
from segkit.cli.sweep import grid
from segkit.errors import SegkitError
from tests.helpers.tiny import write_tiny

GRID = ["model.transformer_decoder.num_queries=[4, 8]", "training.seed=[0, 1]", "training.steps=1"]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path)


def test_the_grid_is_every_combination():
    runs = grid([*GRID, "data.train.dataset.size=[[64, 64]]"], Path("out"))
    assert [str(run.folder) for run in runs] == [
        "out/num_queries=4,seed=0",
        "out/num_queries=4,seed=1",
        "out/num_queries=8,seed=0",
        "out/num_queries=8,seed=1",
    ]
    assert runs[1].overrides == [
        "model.transformer_decoder.num_queries=4",
        "training.seed=1",
        "training.steps=1",
        "data.train.dataset.size=[64, 64]",
    ]
    assert runs[1].varied == {"model.transformer_decoder.num_queries": "4", "training.seed": "1"}


def test_a_value_given_twice_is_refused():
    with pytest.raises(SegkitError) as caught:
        grid(["training.seed=[1, 1]"], Path("out"))
    assert str(caught.value) == "out/seed=1: two runs of the grid would use this folder. List each value once."


def test_the_grid_is_listed_without_training(tmp_path, capsys):
    assert main(["sweep", "tiny.yaml", *GRID, "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "model.transformer_decoder.num_queries  training.seed  run",
        "4                                      0              not done",
        "4                                      1              not done",
        "8                                      0              not done",
        "8                                      1              not done",
    ]
    assert not (tmp_path / "runs").exists()


def test_all_runs_are_checked_before_the_first_is_trained(tmp_path, capsys):
    assert main(["sweep", "tiny.yaml", "training.steps=[1, many]"]) == 2
    assert capsys.readouterr().err == "error: <command line>: training.steps: must be an integer, not 'many'.\n"
    assert not (tmp_path / "runs").exists()


def test_a_config_without_evaluation_is_refused(capsys):
    assert main(["sweep", "tiny.yaml", "training.seed=[0, 1]", "data.val=null"]) == 1
    assert capsys.readouterr().err == (
        "error: tiny.yaml: data.val: a sweep compares evaluations. Set a dataset to evaluate on.\n"
    )


def done(folder: Path, overrides: list[str], mean_iou: float | None) -> None:
    """Writes the files of a finished run."""
    from segkit.config import load_config

    (folder / "evaluation").mkdir(parents=True)
    (folder / "config.yaml").write_text(load_config("tiny.yaml", overrides).to_yaml())
    measured = {"mean_iou": {"values": {"mean_iou": mean_iou, "pixel_accuracy": 0.5}, "per_class": {}}}
    (folder / "evaluation" / "metrics.json").write_text(json.dumps(measured))


def test_what_is_done_is_not_trained_again(capsys):
    for run, mean_iou in zip(grid(GRID, Path("out")), [0.25, 0.5, None, 0.75], strict=True):
        done(run.folder, run.overrides, mean_iou)
    assert main(["sweep", "tiny.yaml", *GRID, "--output", "out"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "model.transformer_decoder.num_queries  training.seed  mean_iou  run",
        "4                                      0              0.2500    out/num_queries=4,seed=0",
        "4                                      1              0.5000    out/num_queries=4,seed=1",
        "8                                      0              -         out/num_queries=8,seed=0",
        "8                                      1              0.7500    out/num_queries=8,seed=1",
    ]
    rows = list(csv.reader(Path("out/results.csv").read_text().splitlines()))
    assert rows[1] == ["4", "0", "0.2500", "0.5000", "out/num_queries=4,seed=0"]


def test_a_run_of_other_settings_is_not_taken_for_this_one(capsys):
    done(Path("out/seed=0"), ["training.steps=7"], 0.5)
    assert main(["sweep", "tiny.yaml", "training.seed=[0, 1]", "--output", "out"]) == 1
    assert capsys.readouterr().err == (
        "error: out/seed=0: holds a run with other settings. Choose another --output, or remove it.\n"
    )


class Child:
    """A training in another process, which ends with a code of its own, or waits until it is terminated."""

    def __init__(self, code):
        self.code, self.signals = code, []

    def wait(self):
        if self.code is None and not self.signals:
            os.kill(os.getpid(), signal.SIGTERM)
        return self.code

    def terminate(self):
        self.signals.append("SIGTERM")


@pytest.mark.parametrize("code", [75, None], ids=["the training stops", "the sweep is terminated"])
def test_a_stopped_run_stops_the_sweep_which_can_go_on(code, monkeypatch, capsys):
    children = []
    monkeypatch.setattr(subprocess, "Popen", lambda command: children.append(Child(code)) or children[-1])
    overrides = ["evaluators=[[{type: mean_iou}]]", "training.seed=[0, 1]"]
    assert main(["sweep", "tiny.yaml", *overrides, "--output", "out"]) == 75
    assert capsys.readouterr().err == "out/seed=0: stopped. The same command goes on.\n"
    assert [child.signals for child in children] == [[] if code else ["SIGTERM"]]


@pytest.mark.slow
def test_runs_are_trained_and_a_failing_one_stops_no_other(capfd):
    overrides = ["training.steps=1", "evaluators=[[{type: mean_iou}]]", "training.best_metric=[none_such, mean_iou]"]
    assert main(["sweep", "tiny.yaml", *overrides, "--output", "out"]) == 1
    captured = capfd.readouterr()
    assert "failed: out/best_metric=none_such\n" in captured.err
    table = captured.out[captured.out.index("training.best_metric  ") :].splitlines()
    assert table[1].split() == ["none_such", "-", "not", "done"]
    assert table[2].split()[0::2] == ["mean_iou", "out/best_metric=mean_iou"]
    assert 0 <= float(table[2].split()[1]) <= 1
