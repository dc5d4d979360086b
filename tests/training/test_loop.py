"""The loop over built parts: built by hand, stopped, resumed."""

import os
import signal
from itertools import repeat

import pytest
import torch
from torch import nn

from segkit.config import load_config
from segkit.criterion import LossReport
from segkit.errors import TrainingError, TrainingStopped
from segkit.hooks.early_stopping import EarlyStopping
from segkit.training.build import build_training
from segkit.training.loop import Trainer
from segkit.training.run_folder import RunFolder
from segkit.training.train import train
from segkit.types import Batch, ImageSizes, Metrics, PixelPrediction
from tests.helpers.loop_settings import split_settings
from tests.helpers.tiny import assert_equal_weights, lines_of


class OnePixelModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, images, sizes):
        return PixelPrediction(self.weight.expand(len(images), 1, 1, 1))


def square(prediction, targets):
    return LossReport(prediction.pixel_logits.square().mean(), {})


BATCH = Batch(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), [ImageSizes((4, 4), (4, 4), (4, 4))], [], ["a.png"], [0])


METRICS = {"one": Metrics({"a": 0.5}, {})}


def by_hand(steps=2, schedule=lambda step, steps: 1.0, batches=None, **settings):
    """Of loss w ** 2 from w = 1: each step of rate 0.25 halves w."""
    model = OnePixelModel()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
    numbers, parts = split_settings(steps=steps, **settings)
    return Trainer(model, square, optimizer, schedule, batches or repeat(BATCH), numbers, **parts)


def test_built_by_hand(capsys):
    trainer = by_hand()
    assert trainer.run() is None
    assert trainer.model.weight.item() == 0.25
    assert capsys.readouterr().out.startswith("step 2/2 | total 0.250 | ")


def test_the_schedule_scales_the_base_rate():
    trainer = by_hand(schedule=lambda step, steps: 1.0 if step == 0 else 0.0)
    trainer.run()
    assert trainer.model.weight.item() == 0.5


def test_gradients_are_clipped():
    trainer = by_hand(steps=1, clip_gradients=0.4)
    trainer.run()
    assert trainer.model.weight.item() == pytest.approx(0.9)


def test_accumulated_batches_are_averaged():
    trainer = by_hand(steps=1, accumulate=4, batches=[BATCH] * 4)
    trainer.run()
    assert trainer.model.weight.item() == 0.5


def test_evaluations_come_at_their_interval_and_at_the_end():
    calls = []

    def evaluate(model, final):
        calls.append((trainer.state.step, final))
        return {"one": Metrics({"a": 0.1, "b": 1.0 - model.weight.item()}, {})}

    trainer = by_hand(steps=5, evaluate=evaluate, evaluate_every=2, best_metric="b")
    metrics = trainer.run()
    assert calls == [(2, False), (4, False), (5, True)]
    assert trainer.state.best == metrics["one"].values["b"] == 1 - 0.5**5
    assert trainer.state.evaluations_without_best == 0


def test_start_weights_count_neither_as_best_nor_for_patience():
    values = iter([0.9, 0.5, 0.4, 0.3])

    def evaluate(model, final):
        return {"one": Metrics({"a": next(values)}, {})}

    hooks = {"early": EarlyStopping(patience=2)}
    trainer = by_hand(steps=9, evaluate=evaluate, evaluate_start=True, evaluate_every=1, hooks=hooks)
    trainer.run()
    assert (trainer.state.step, trainer.state.best, trainer.state.evaluations_without_best) == (3, 0.5, 2)


def test_nan_is_never_better_and_patience_ends_the_training():
    values = iter([0.5, float("nan"), 0.5])

    def evaluate(model, final):
        return {"one": Metrics({"a": next(values)}, {})}

    trainer = by_hand(steps=9, evaluate=evaluate, evaluate_every=1, hooks={"early": EarlyStopping(patience=2)})
    trainer.run()
    assert (trainer.state.step, trainer.state.best, trainer.state.evaluations_without_best) == (3, 0.5, 2)


def test_of_a_count_of_errors_the_lowest_is_the_best():
    values = iter([8.0, 5.0, 6.0, 5.0])

    def evaluate(model, final):
        return {"one": Metrics({"errors": next(values)}, {}, frozenset({"errors"}), frozenset({"errors"}))}

    trainer = by_hand(steps=9, evaluate=evaluate, evaluate_every=1, hooks={"early": EarlyStopping(patience=2)})
    trainer.run()
    assert (trainer.state.step, trainer.state.best, trainer.state.evaluations_without_best) == (4, -5.0, 2)


def test_a_request_ends_the_training_after_the_step(capsys):
    trainer = by_hand(steps=9, log_every=9, evaluate_every=2)
    trainer.evaluate = lambda model, final: trainer.stopping.request("a good loss") or METRICS
    trainer.run()
    assert trainer.state.step == 2
    assert capsys.readouterr().out == "step 2: a 0.5000\nstopped early at step 2: a good loss\n"


def test_a_request_in_the_last_step_changes_nothing(capsys):
    trainer = by_hand(batches=signal_before(repeat(BATCH), 1), log_every=9)
    trainer.run()
    assert "stopped" not in capsys.readouterr().out


def built(tiny, *overrides, output, resume=False):
    return build_training(load_config(tiny, list(overrides)), RunFolder(tiny.parent / output), resume)


def test_a_resumed_run_ends_like_an_unbroken_one(tiny):
    settings = ["training.checkpoint_every=2"]
    whole = train(load_config(tiny, settings), output="whole")

    def broken_after(batches, count):
        for _ in range(count):
            yield next(batches)
        raise ConnectionError

    trainer = built(tiny, *settings, output="broken")
    trainer.batches = broken_after(trainer.batches, 3)
    with pytest.raises(ConnectionError):
        trainer.run()
    broken = train(load_config(tiny, settings), output="broken", resume=True)
    assert_equal_weights(whole / "last", broken / "last")
    assert [line["step"] for line in lines_of(broken)] == [line["step"] for line in lines_of(whole)]


def test_a_resumed_run_takes_the_learning_rate_of_its_config(tiny):
    train(load_config(tiny, ["training.steps=2"]), output="run")
    trainer = built(tiny, "training.optimizer.lr=0.5", output="run", resume=True)
    assert trainer.rates.base == [0.5] * len(trainer.optimizer.param_groups)


def test_a_loss_that_is_not_finite_stops_and_keeps_what_was_written(tiny):
    trainer = built(tiny, "training.checkpoint_every=2", output="run")
    criterion = trainer.training_step.criterion

    def third_is_nan(prediction, targets):
        report = criterion(prediction, targets)
        return LossReport(report.total * float("nan"), report.parts) if trainer.state.step == 2 else report

    trainer.training_step.criterion = third_is_nan
    with pytest.raises(TrainingError, match=r"^step 3: the loss is not finite \(total nan, .*\) on .*--resume\.$"):
        trainer.run()
    assert (tiny.parent / "run/checkpoints/step_2/training_state.pt").is_file()


def signal_before(batches, number):
    """The batches, with a signal to this process before the one of this number, from 0."""
    for index, batch in enumerate(batches):
        if index == number:
            os.kill(os.getpid(), signal.SIGTERM)
        yield batch


def test_a_signal_stops_after_the_step_and_loses_nothing(tiny, capsys):
    run = tiny.parent / "run"
    trainer = built(tiny, output="run")
    trainer.batches = signal_before(trainer.batches, 1)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TrainingStopped, match=r"^stopped at step 2 of 4 by SIGTERM$") as caught:
        trainer.run()
    assert not caught.value.by_keyboard
    assert signal.getsignal(signal.SIGTERM) is before
    assert capsys.readouterr().out.endswith(f"\nstep 2 is saved; continue with --resume --output {run}\n")
    train(load_config(tiny), run, resume=True)
    assert [line["step"] for line in lines_of(run) if "losses" in line] == [1, 2, 3, 4]


def test_a_signal_stops_a_training_without_checkpoints_too():
    with pytest.raises(TrainingStopped, match=r"^stopped at step 1 of 2 by SIGTERM$"):
        by_hand(batches=signal_before(repeat(BATCH), 0)).run()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_training_on_a_gpu_is_resumed(tiny, precision):
    settings = ["training.checkpoint_every=2", f"training.precision={precision}"]
    whole = train(load_config(tiny, settings), output="whole")
    trainer = built(tiny, *settings, output="broken")
    trainer.batches = signal_before(trainer.batches, 1)
    with pytest.raises(TrainingStopped):
        trainer.run()
    broken = train(load_config(tiny, settings), output="broken", resume=True)
    losses = [[line["losses"]["total"] for line in lines_of(run) if "losses" in line] for run in (whole, broken)]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)  # GPU kernels need not be deterministic
