"""Experiment trackers get the config and every number of the log."""

import pytest
from accelerate import tracking
from torch import nn

from segkit.config import load_config
from segkit.errors import ConfigError, SegkitError
from segkit.hooks.tracker import Tracker
from segkit.testing.hook import tiny_context
from segkit.training.train import train
from tests.helpers.tiny import lines_of
from tests.helpers.trackers import fake_trackers


def test_a_training_is_tracked(tiny, monkeypatch):
    sent = fake_trackers(monkeypatch)
    hook = "training.hooks=[{type: tracker, name: wandb, project: cats, options: {tags: [small]}}]"
    run = train(load_config(tiny, ["training.steps=1", hook]), output="run")
    assert sent[:2] == [("init", "cats", {"tags": ["small"]}), ("start",)]
    config = sent[2][1]
    assert config["training/optimizer/lr"] == 1e-3
    assert config["training/hooks/0/project"] == "cats"
    step, evaluation = sent[3:5]
    logged = lines_of(run)
    assert step[:2] == ("log", 1)
    assert step[2]["losses/total"] == logged[0]["losses"]["total"]
    assert step[2]["gradient_norm"] == logged[0]["gradient_norm"]
    assert evaluation[2]["evaluation/mean_iou"] == logged[1]["evaluation"]["mean_iou"]
    assert sent[5:] == [("finish",)]


def test_only_the_main_process_tracks(monkeypatch):
    sent = fake_trackers(monkeypatch)
    hook, context = Tracker(name="mlflow"), tiny_context(nn.Linear(1, 1))
    context.is_main = False
    hook.on_start(context)
    hook.on_end(context)
    assert sent == []


@pytest.mark.parametrize(("name", "package"), [("wandb", "wandb"), ("comet_ml", "comet-ml")])
def test_a_missing_package_is_named(monkeypatch, name, package):
    monkeypatch.setattr(tracking, "get_available_trackers", lambda: [])
    with pytest.raises(ConfigError) as caught:
        Tracker(name=name)
    assert str(caught.value) == (
        f"hook 'tracker': name: the package '{package}' is not installed. Install it (pip install {package}), or "
        "remove the hook."
    )


def test_a_tracker_that_refuses_is_named(monkeypatch):
    fake_trackers(monkeypatch)
    hook = Tracker(name="wandb", options={"project": "given twice"})
    with pytest.raises(SegkitError) as caught:
        hook.on_start(tiny_context(nn.Linear(1, 1)))
    assert str(caught.value).startswith("hook 'tracker': 'wandb' cannot be started (")
    assert str(caught.value).endswith("). Check its options and account, or remove the hook.")


@pytest.mark.parametrize(("method", "problem"), [("log", "takes no more numbers"), ("finish", "cannot be ended")])
def test_a_tracker_that_fails_later_is_named(tiny, monkeypatch, method, problem):
    """The training ends there, and its last whole step is saved."""

    def fail(*arguments, **options):
        raise OSError("the server is gone")

    fake_trackers(monkeypatch)
    config = load_config(tiny, ["training.steps=1", "training.hooks=[{type: tracker, name: mlflow}]"])
    monkeypatch.setattr(tracking.LOGGER_TYPE_TO_CLASS["mlflow"], method, fail)
    with pytest.raises(SegkitError) as caught:
        train(config, output="run")
    assert str(caught.value) == (
        f"hook 'tracker': 'mlflow' {problem} (the server is gone). Check its options and account, or remove the hook."
    )
    assert (tiny.parent / "run/checkpoints/step_1/training_state.pt").is_file()


def test_no_name_is_the_folder_of_another(tiny, monkeypatch):
    """MLflow keeps each number in a file, so that `losses/dice` and `losses/dice/0` would collide."""
    sent = fake_trackers(monkeypatch)
    train(load_config(tiny, ["training.steps=1", "training.hooks=[{type: tracker, name: mlflow}]"]), output="run")
    names = {name for kind, *rest in sent if kind == "log" for name in rest[1]}
    assert {"losses/dice", "losses/dice.0"} <= names
    assert not {name.rpartition("/")[0] for name in names} & names
