"""Whole trainings, tiny: what they write, how they go on, and how they stop."""

import json
import os
import signal

import pytest
import torch

from segkit.checkpoint import read_weights
from segkit.config import load_config
from segkit.criterion.criterion import Criterion
from segkit.errors import CheckpointError, ConfigError, SegkitError, TrainingError
from segkit.training import loop
from segkit.training.loop import train
from tests.helpers.tiny import assert_equal_weights, lines_of


def test_a_run_writes_everything_the_blueprint_names(tiny, capsys):
    run = train(load_config(tiny, ["training.evaluate_every=2", "training.checkpoint_every=2"]))
    assert str(run) == "runs/tiny"
    names = {path.name for path in run.iterdir()} - {"tensorboard"}
    assert names == {"config.yaml", "environment.json", "metrics.jsonl", "checkpoints", "best", "last", "evaluation"}
    for folder in ("best", "last", "checkpoints/step_2", "checkpoints/step_4"):
        files = {path.name for path in (run / folder).iterdir()} - {"training_state.pt"}
        assert files == {"model.safetensors", "config.yaml", "classes.json"}
    lines = lines_of(run)
    assert [line["step"] for line in lines if "losses" in line] == [1, 2, 3, 4]
    assert [line["step"] for line in lines if "evaluation" in line] == [2, 4]
    assert set(lines[0]["losses"]) == {
        "total", "cross_entropy", "focal", "dice", "cross_entropy/0", "focal/0", "dice/0"
    }  # fmt: skip
    assert 0 <= lines[0]["waiting_for_data"] <= 1
    assert json.loads((run / "environment.json").read_text())["effective_batch"] == 2
    overlays = sorted(path.name for path in (run / "evaluation/overlays").iterdir())
    assert len(overlays) == 6
    shown = capsys.readouterr().out
    assert "images: runs/tiny/evaluation/overlays" in shown
    assert "mean_iou" in shown


def test_the_same_config_gives_the_same_weights_whatever_the_workers(tiny):
    one = train(load_config(tiny, ["training.steps=2"]))
    other = train(load_config(tiny, ["training.steps=2", "data.train.workers=2"]))
    assert str(other) == "runs/tiny-2"
    assert_equal_weights(one / "last", other / "last")


def test_a_resumed_run_ends_like_an_unbroken_one(tiny, monkeypatch):
    settings = ["training.checkpoint_every=2"]
    whole = train(load_config(tiny, settings), output="whole")

    class Stop(Exception):
        pass

    def stop_after(self):
        original(self)
        if self.state.step == 2:
            raise Stop

    original = loop.Trainer._save
    monkeypatch.setattr(loop.Trainer, "_save", stop_after)
    with pytest.raises(Stop):
        train(load_config(tiny, settings), output="broken")
    monkeypatch.setattr(loop.Trainer, "_save", original)
    broken = train(load_config(tiny, settings), output="broken", resume=True)
    assert_equal_weights(whole / "last", broken / "last")
    assert [line["step"] for line in lines_of(broken)] == [line["step"] for line in lines_of(whole)]


def test_accumulated_batches_count_as_one_step(tiny):
    run = train(load_config(tiny, ["training.steps=2", "training.accumulate=2"]))
    assert json.loads((run / "environment.json").read_text())["effective_batch"] == 4
    assert [line["step"] for line in lines_of(run) if "losses" in line] == [1, 2]


def test_bf16_trains(tiny):
    run = train(load_config(tiny, ["training.steps=1", "training.precision=bf16"]))
    assert all(tensor.dtype != torch.bfloat16 for tensor in read_weights(run / "last").values())


def test_fp16_without_a_gpu_says_what_to_take(tiny):
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    with pytest.raises(ConfigError) as caught:
        train(load_config(tiny, ["training.precision=fp16"]))
    assert str(caught.value) == "<command line>: training.precision: fp16 needs a GPU; use bf16."


def test_a_loss_that_is_not_finite_stops_and_keeps_what_was_written(tiny, monkeypatch):
    def forward(self, prediction, targets):
        report = original(self, prediction, targets)
        if self.calls == 2:
            report.total = report.total * float("nan")
        self.calls += 1
        return report

    original = Criterion.forward
    monkeypatch.setattr(Criterion, "calls", 0, raising=False)
    monkeypatch.setattr(Criterion, "forward", forward)
    with pytest.raises(TrainingError, match=r"^step 3: the loss is not finite \(total nan, .*\) on .*--resume\.$"):
        train(load_config(tiny, ["training.checkpoint_every=2"]))
    assert (tiny.parent / "runs/tiny/checkpoints/step_2/training_state.pt").is_file()


def test_old_checkpoints_are_dropped(tiny):
    run = train(load_config(tiny, ["training.checkpoint_every=1", "training.keep_checkpoints=2"]))
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["step_3", "step_4"]


def test_early_stopping(tiny):
    settings = ["training.evaluate_every=1", "training.early_stopping=1", "training.optimizer.lr=0.0"]
    run = train(load_config(tiny, settings))
    assert [line["step"] for line in lines_of(run) if "evaluation" in line][-1] < 4
    assert (run / "last" / "model.safetensors").is_file()


def test_a_metric_that_is_not_there_is_named(tiny):
    with pytest.raises(
        ConfigError, match=r"training.best_metric: the evaluation has no 'miou'\. Did you mean 'mean_iou'\? It has: "
    ):
        train(load_config(tiny, ["training.steps=1", "training.best_metric=miou"]))


def test_init_from_is_reported(tiny, capsys):
    first = train(load_config(tiny, ["training.steps=1"]))
    train(load_config(tiny, ["training.steps=1", f"init_from={first}"]))
    assert f"initialized from {first}: " in capsys.readouterr().out


def test_an_output_that_is_taken_is_left_alone(tiny):
    train(load_config(tiny, ["training.steps=1"]), output="mine")
    with pytest.raises(SegkitError) as caught:
        train(load_config(tiny), output="mine")
    assert str(caught.value) == "mine: holds a run already. Give another --output, or go on with it by --resume."


def test_resuming_nothing_is_an_error(tiny):
    with pytest.raises(CheckpointError) as caught:
        train(load_config(tiny), resume=True)
    assert str(caught.value) == (
        "runs/tiny: has no checkpoint to resume from (checkpoints/step_N/training_state.pt). Start without --resume."
    )


def test_a_config_without_training_is_refused(tiny):
    tiny.write_text(tiny.read_text().partition("training:")[0])
    with pytest.raises(ConfigError, match="training: the config has no such section, so there is nothing to train by"):
        train(load_config(tiny))


def test_a_signal_stops_after_the_step_and_loses_nothing(tiny, monkeypatch, capsys):
    def forward(self, batch):
        if self.state.step == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, batch)

    original = loop.Trainer._forward
    monkeypatch.setattr(loop.Trainer, "_forward", forward)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        train(load_config(tiny))
    assert signal.getsignal(signal.SIGTERM) is before
    assert "stopped at step 2; go on with --resume --output runs/tiny" in capsys.readouterr().out
    monkeypatch.setattr(loop.Trainer, "_forward", original)
    run = train(load_config(tiny), resume=True)
    assert [line["step"] for line in lines_of(run) if "losses" in line] == [1, 2, 3, 4]
