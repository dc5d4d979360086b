"""TensorBoard's event files hold every number of the log."""

import sys

import pytest
from torch import nn

from segkit.config import load_config
from segkit.errors import ConfigError
from segkit.hooks.tensorboard import TensorBoard
from segkit.testing.hook import tiny_context
from segkit.training.train import train
from tests.helpers.tiny import lines_of
from tests.helpers.trackers import fake_trackers


def test_it_gets_every_number(tmp_path, monkeypatch):
    sent = fake_trackers(monkeypatch)
    hook, context = TensorBoard(), tiny_context(nn.Linear(1, 1), folder=tmp_path)
    context.state.step = 3
    hook.on_start(context)
    hook.on_log(context, {"losses": {"total": 2.5, "dice/0": 1.0}, "learning_rate": 1e-3, "note": "text"})
    hook.on_end(context)
    assert sent == [
        ("init", str(tmp_path / "tensorboard"), 4),
        ("losses/total", 2.5, 3),
        ("losses/dice/0", 1.0, 3),
        ("learning_rate", 1e-3, 3),
        ("close",),
    ]


def test_only_the_main_process_writes(tmp_path, monkeypatch):
    sent = fake_trackers(monkeypatch)
    hook, context = TensorBoard(), tiny_context(nn.Linear(1, 1), folder=tmp_path)
    context.is_main = False
    hook.on_start(context)
    hook.on_end(context)
    assert sent == []


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError) as caught:
        TensorBoard()
    assert str(caught.value) == (
        "hook 'tensorboard': the package 'tensorboard' is not installed. Install it (pip install tensorboard), or "
        "remove the hook."
    )


def test_a_training_writes_event_files(tmp_path, monkeypatch, tiny):
    sent = fake_trackers(monkeypatch)
    run = train(load_config(tiny, ["training.steps=1", "training.hooks=[{type: tensorboard}]"]), output="run")
    names = [one[0] for one in sent[1:-1]]
    assert {"losses/total", "gradient_norm", "learning_rate", "evaluation/mean_iou"} <= set(names)
    assert ("gradient_norm", lines_of(run)[0]["gradient_norm"], 1) in sent


def test_the_package_writes_a_file(tmp_path):
    pytest.importorskip("tensorboard")
    hook, context = TensorBoard(), tiny_context(nn.Linear(1, 1), folder=tmp_path)
    hook.on_start(context)
    hook.on_log(context, {"losses": {"total": 2.5}})
    hook.on_end(context)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1
