"""The average by hand; that it is evaluated and saved; and that a resumed training goes on with it."""

import pytest
import torch
from torch import nn

from segkit.checkpoint import read_weights
from segkit.config import load_config
from segkit.errors import TrainingError
from segkit.hooks.ema import ExponentialMovingAverage
from segkit.testing.hook import tiny_context
from segkit.training.build import build_training
from segkit.training.run_folder import RunFolder
from segkit.training.train import train
from tests.helpers.overrides import last_ones
from tests.helpers.tiny import assert_equal_weights, evaluations_of

EMA = "training.hooks=[{type: ema, decay: 0.5}]"
SETTINGS = [EMA, "training.evaluate_every=2", "training.checkpoint_every=1"]


def test_weights_and_running_statistics_are_averaged():
    """After the first step it equals the model, then 0.75 * average + 0.25 * model."""
    model = nn.BatchNorm1d(1)
    hook, context = ExponentialMovingAverage(decay=0.75), tiny_context(model)
    hook.on_start(context)
    for value in (8.0, 16.0, 0.0):
        nn.init.constant_(model.weight, value)
        model.running_mean.fill_(-value)
        hook.after_step(context)
    hook.before_evaluation(context)
    averaged = context.evaluated_model
    assert averaged.weight.item() == 0.75 * (0.75 * 8 + 0.25 * 16)
    assert averaged.running_mean.item() == -7.5
    assert model.weight.item() == 0.0
    assert not averaged.weight.requires_grad


def test_the_average_becomes_best_and_the_weights_last(tiny):
    run = train(load_config(tiny, [*SETTINGS, "training.keep_checkpoints=9"]), output="run")
    weights = [read_weights(run / f"checkpoints/step_{step}") for step in (1, 2, 3, 4)]
    averages = [weights[0]]
    for one in weights[1:]:
        averages.append({name: torch.lerp(averages[-1][name].float(), one[name].float(), 0.5) for name in one})
    best, last = read_weights(run / "best"), read_weights(run / "last")
    values = [one["mean_iou"] for one in evaluations_of(run)]
    expected = averages[1] if values[0] >= values[1] else averages[3]
    for name, tensor in best.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, expected[name])
    assert all(torch.equal(last[name], weights[3][name]) for name in last)
    assert not all(torch.equal(best[name], last[name]) for name in last)


class Annealed(nn.Linear):
    def __init__(self):
        super().__init__(1, 1)
        self.register_buffer("share", torch.ones(()))

    def on_step(self, step, steps):
        self.share.fill_(1 - step / steps)


def test_what_follows_from_the_step_is_not_averaged():
    model = Annealed()
    hook, context = ExponentialMovingAverage(decay=0.75), tiny_context(model)
    hook.on_start(context)
    for step in range(3):
        model.on_step(step, context.steps)
        hook.after_step(context)
        context.state.step += 1
    hook.before_evaluation(context)
    assert context.evaluated_model.share.item() == pytest.approx(0.8)


def test_a_step_that_changed_nothing_is_not_averaged():
    model = nn.BatchNorm1d(1)
    hook, context = ExponentialMovingAverage(decay=0.75), tiny_context(model)
    hook.on_start(context)
    for value, unchanged in ((8.0, False), (16.0, False), (16.0, True)):
        nn.init.constant_(model.weight, value)
        model.num_batches_tracked.fill_(int(value))
        context.unchanged = torch.tensor(unchanged)
        hook.after_step(context)
    hook.before_evaluation(context)
    assert context.evaluated_model.weight.item() == 0.75 * 8 + 0.25 * 16
    assert context.evaluated_model.num_batches_tracked.item() == 10


@pytest.mark.parametrize("log_every", [1, 20], ids=["settled at once", "settled in the next step"])
def test_a_training_that_a_step_ended_goes_on_with_the_same_average(tiny, log_every):
    """The step is made again, and must count once."""
    settings = last_ones([*SETTINGS, "training.checkpoint_every=null", f"training.log_every={log_every}"])
    settings = last_ones([*settings, "training.evaluate_every=null"])
    whole = train(load_config(tiny, settings), output="whole")
    trainer = build_training(load_config(tiny, settings), RunFolder(tiny.parent / "broken"))
    clip, calls = trainer.training_step._clip, []

    def spoiled():
        calls.append(clip())
        return calls[-1] * float("inf") if len(calls) == 3 else calls[-1]

    trainer.training_step._clip = spoiled
    with pytest.raises(TrainingError):
        trainer.run()
    assert trainer.state.step == 2
    broken = train(load_config(tiny, settings), output="broken", resume=True)
    assert_equal_weights(whole / "best", broken / "best")


def broken_after(batches, count):
    for _ in range(count):
        yield next(batches)
    raise ConnectionError


@pytest.mark.parametrize("workers", [0, 1])
def test_a_resumed_training_ends_with_the_same_average(tiny, workers):
    changes = ["training.checkpoint_every=null", f"data.train.workers={workers}", "training.steps=5"]
    settings = last_ones([*SETTINGS, *changes])
    whole = train(load_config(tiny, settings), output="whole")
    trainer = build_training(load_config(tiny, settings), RunFolder(tiny.parent / "broken"))
    trainer.batches = broken_after(trainer.batches, 3)
    with pytest.raises(ConnectionError):
        trainer.run()
    broken = train(load_config(tiny, settings), output="broken", resume=True)
    for name in ("best", "last"):
        assert_equal_weights(whole / name, broken / name)
    states = [torch.load(run / "checkpoints/step_5/training_state.pt")["hooks"]["ema"] for run in (whole, broken)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_compiled_model_is_averaged(tiny, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **settings: function)
    plain = train(load_config(tiny, [*SETTINGS]), output="plain")
    compiled = train(load_config(tiny, [*SETTINGS, "training.compile=true"]), output="compiled")
    assert read_weights(plain / "best").keys() == read_weights(compiled / "best").keys()
    assert len(evaluations_of(compiled)) == 2
