"""Steps whose loss or gradients are not finite: stopped, skipped, dumped and computed again."""

import json
import math
from itertools import chain

import pytest
import torch
from torch import nn

import segkit
from segkit.checkpoint import load_checkpoint, read_weights
from segkit.cli.main import main
from segkit.config import load_config
from segkit.criterion import LossReport
from segkit.errors import CheckpointError, DataError, TrainingError
from segkit.runtime.host_copy import HostCopy
from segkit.training.build import build_training
from segkit.training.loop import Trainer
from segkit.training.nonfinite import MAX_OVERFLOWS, MAX_SKIPPED, NonFiniteSteps
from segkit.training.progress import Reporter
from segkit.training.replay import replay
from segkit.training.run_folder import RunFolder
from segkit.training.snapshot import Snapshot
from segkit.training.state import TrainingState
from segkit.training.step import StepReport
from segkit.types import Batch, ImageSizes, PixelPrediction
from tests.helpers.loop_settings import split_settings
from tests.helpers.overrides import last_ones
from tests.helpers.tiny import assert_equal_weights

BATCH = Batch(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), [ImageSizes((4, 4), (4, 4), (4, 4))] * 2, [], ["a.png"], [0])
pytestmark = pytest.mark.filterwarnings("ignore:matcher 'hungarian'")

HUGE = ["training.optimizer.lr=1e30", "training.checkpoint_every=1"]
"""The first step moves all weights to about 1e30, the second overflows."""


class Normed(nn.Module):
    """One weight behind a batch norm, whose running statistics a bad step spoils."""

    def __init__(self, bad):
        super().__init__()
        self.norm = nn.BatchNorm2d(3, affine=False)
        self.weight = nn.Parameter(torch.tensor(1.0))
        self.bad = bad
        self.step = 0

    def forward(self, images, sizes):
        self.step += 1
        factor = float("nan") if self.step in self.bad else 1.0
        return PixelPrediction(self.weight + self.norm(images.float() * factor).mean())


def only_gradient(prediction, targets):
    """A finite loss whose gradient is nan: the root's derivative at 0 is infinite."""
    loss = prediction.pixel_logits.square()
    return LossReport(loss + (prediction.pixel_logits * 0).abs().sqrt(), {})


def square(prediction, targets):
    return LossReport(prediction.pixel_logits.square(), {"square": prediction.pixel_logits.detach().square()})


def fused_adam(parameters, lr):
    """Leaves out steps on the device, where SGD waits for the norm."""
    return torch.optim.AdamW(parameters, lr, fused=True)


def trainer_of(bad=(), steps=3, criterion=square, optimizer=torch.optim.SGD, **settings):
    model = Normed(bad)
    optimizer = optimizer(model.parameters(), lr=0.25)
    numbers, parts = split_settings(steps=steps, **settings)
    return Trainer(model, criterion, optimizer, lambda step, steps: 1.0, [BATCH] * steps, numbers, **parts)


def test_a_gradient_that_is_not_finite_stops_before_the_step():
    """Clipping would spread it over all weights."""
    trainer = trainer_of(criterion=only_gradient, clip_gradients=1.0)
    with pytest.raises(TrainingError) as caught:
        trainer.run()
    assert str(caught.value) == (
        "step 1: the gradients are not finite (total 1, gradient_norm nan) on a.png. Lower the learning rate, clip "
        "gradients, or train in fp32 or bf16; then start anew."
    )
    assert trainer.model.weight.item() == 1
    assert trainer.state.step == 0


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, fused_adam], ids=["waits", "does not wait"])
def test_skipped_steps_change_nothing_and_are_told(capsys, optimizer):
    trainer = trainer_of(bad=(2, 3), steps=5, on_nonfinite="skip", optimizer=optimizer)
    trainer.run()
    assert trainer.state.step == 5
    assert (trainer.state.skipped, trainer.state.skipped_of_all) == (0, 2)
    assert trainer.model.norm.running_mean.isfinite().all()
    assert trainer.model.norm.num_batches_tracked == 3
    three = trainer_of(steps=3, optimizer=optimizer)
    three.run()
    assert trainer.model.weight == three.model.weight != 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == "2 of 5 steps were skipped, because they were not finite"  # the other run says nothing
    assert lines[:2] == [
        "step 2: the loss is not finite (total nan, square nan, gradient_norm nan) on a.png. The step is skipped (1 in "
        "a row, at most 10).",
        "step 3: the loss is not finite (total nan, square nan, gradient_norm nan) on a.png. The step is skipped (2 in "
        "a row, at most 10).",
    ]


def test_last_steps_that_were_skipped_are_told_at_the_end(capsys):
    trainer_of(bad=(1, 3, 4), steps=4, on_nonfinite="skip").run()
    line = "3 of 4 steps were skipped, because they were not finite, among them the last 2"
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_the_values_of_a_step_are_read_in_the_next_one_unless_they_are_needed(monkeypatch):
    """The first step makes the optimizer's state, the third and the last are logged."""
    trainer, read = trainer_of(steps=6, optimizer=fused_adam, log_every=3), []

    class Watched(HostCopy):
        def __init__(self, tensor):
            super().__init__(tensor)
            self.made = trainer.model.step

        def values(self):
            read.append((self.made, trainer.model.step))
            return super().values()

    monkeypatch.setattr("segkit.training.step.HostCopy", Watched)
    trainer.run()
    assert read == [(1, 1), (2, 3), (3, 3), (4, 5), (5, 6), (6, 6)]


def test_a_step_is_made_again_where_the_training_fails_before_it_is_settled():
    trainer = trainer_of(bad=(2,), steps=9, optimizer=fused_adam)
    trainer.batches = chain([BATCH, BATCH], failing_batches(DataError("bad.png: damaged")))
    with pytest.raises(DataError):
        trainer.run()
    assert trainer.state.step == 1


def failing_batches(error):
    raise error
    yield


def test_no_more_than_ten_steps_in_a_row_are_skipped():
    trainer = trainer_of(bad=range(2, 99), steps=20, on_nonfinite="skip")
    with pytest.raises(TrainingError, match=r"; no step of the last 11 was finite\. Lower"):
        trainer.run()
    assert trainer.state.step == 1 + MAX_SKIPPED


def spoil_norm(trainer, number, norms):
    """Lets the norm of the step with this number be infinite; `norms` gets the true ones."""
    clip = trainer.training_step._clip

    def spoiled():
        norm = clip()
        norms.append(norm.item())
        return norm + math.inf if len(norms) == number else norm

    trainer.training_step._clip = spoiled


def run_of(tiny, *settings):
    trainer = build_training(
        load_config(tiny, last_ones([*HUGE, *settings])), RunFolder(tiny.parent / "run"), device="cpu"
    )
    return trainer, tiny.parent / "run"


def failed(tiny, *settings):
    trainer, run = run_of(tiny, *settings)
    with pytest.raises(TrainingError) as caught:
        trainer.run()
    return run, str(caught.value)


def test_a_dump_is_computed_again(tiny, capsys):
    run, message = failed(tiny, "training.accumulate=2")
    dump = run / "nonfinite/step_2"
    assert f"`segkit replay {dump}` computes it again and names the first value that is not finite." in message
    done = replay(run, "cpu")
    assert (done.folder, done.step, len(done.files)) == (dump, 2, 4)
    assert str(done.recorded) == str(done.replayed)
    assert done.first.startswith("the output of backbone.body.")
    capsys.readouterr()
    assert main(["replay", str(run), "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{dump}: step 2 on ")
    assert out.endswith(f"first value that is not finite: {done.first}\n")


def test_the_weights_before_the_step_stay(tiny):
    run, _ = failed(tiny)
    weights = read_weights(run / "last")
    assert all(bool(tensor.isfinite().all()) for tensor in weights.values())
    assert {name: tensor.tolist() for name, tensor in weights.items()} == {
        name: tensor.tolist() for name, tensor in read_weights(run / "nonfinite/step_2").items()
    }


@pytest.mark.parametrize(
    ("frozen", "log_every"),
    [("", 1), ("{type: freeze, parameters: [backbone.*]}", 1), ("", 20)],
    ids=["all", "frozen", "settled in the next step"],
)
def test_a_finite_step_is_replayed_to_the_same_values(tiny, frozen, log_every):
    """Dropout and running statistics included; the norm is spoiled after it was computed."""
    settings = ["training.checkpoint_every=null", f"training.hooks=[{frozen}]", f"training.log_every={log_every}"]
    config = load_config(tiny, settings)
    trainer = build_training(config, RunFolder(tiny.parent / "run"), device="cpu")
    compute, reports, norms = trainer.training_step.compute_gradients, [], []
    spoil_norm(trainer, 3, norms)
    trainer.training_step.compute_gradients = lambda *step: reports.append(compute(*step)) or reports[-1]
    with pytest.raises(TrainingError):
        trainer.run()
    assert trainer.state.step == 2
    assert_equal_weights(tiny.parent / "run/last", tiny.parent / "run/nonfinite/step_3")
    done = replay(tiny.parent / "run", "cpu")
    assert done.first is None
    assert done.replayed == pytest.approx({**reports[2].losses, "gradient_norm": norms[2]}, rel=1e-6)


def test_weights_that_are_not_finite_are_not_saved(tiny):
    """The gradients are finite, but the last update overflows."""
    overflow = ["training.optimizer.lr=1e38", "training.optimizer.weight_decay=100", "training.steps=1"]
    trainer, run = run_of(tiny, *overflow)
    with pytest.raises(TrainingError) as caught:
        trainer.run()
    text = str(caught.value)
    assert text.startswith(f"{run}/checkpoints/step_1: not written, because the weights are not finite (first: ")
    assert text.endswith("; then start anew with --resume, since no step is saved.")
    assert not (run / "last").exists()


def test_a_checkpoint_with_weights_that_are_not_finite_says_so(tiny):
    trainer, run = run_of(tiny, "training.steps=1", "training.optimizer.lr=1e-3")
    trainer.run()
    with torch.no_grad():
        trainer.model.backbone.body.conv1.weight.fill_(float("nan"))
    trainer.checkpoints.save_dump(run / "spoiled", trainer.model, lambda draft: None)
    with pytest.warns(UserWarning, match="not finite") as warned:
        load_checkpoint(run / "spoiled")
    assert str(warned[0].message) == (
        f"{run}/spoiled/model.safetensors: holds weights that are not finite (first: backbone.body.conv1.weight), so "
        "that results mean nothing. Use another checkpoint."
    )


class Plain(segkit.Hook):
    """Does nothing."""


class Spoiling(segkit.Hook):
    """Spoils the gradients of the second step."""

    def on_start(self, context):
        weight = next(context.model.parameters())
        weight.register_hook(lambda gradient: gradient * (math.nan if context.step == 1 else 1.0))


def test_what_a_hook_has_spoiled_is_not_found_and_the_hook_is_named(tiny, monkeypatch, capsys):
    hooks = {"spoiling": Spoiling(), "plain": Plain()}
    for module in ("build", "replay"):
        monkeypatch.setattr(f"segkit.training.{module}.build_hooks", lambda parts, model: hooks)
    run, message = failed(tiny, "training.optimizer.lr=1e-3")
    assert message.endswith("; then continue from the last checkpoint with --resume.")
    assert main(["replay", str(run), "--device", "cpu"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "all values are finite here, but not gradient_norm in the training: look for a cause in hooks, which a replay "
        "does not run (here 'spoiling')"
    )


def test_there_is_nothing_to_replay(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        replay(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: has no dump of a failed step (nonfinite/step_N/process_0.pt). A training writes one where its "
        "loss or gradients are not finite."
    )


def test_a_damaged_dump_is_named(tiny):
    run, _ = failed(tiny)
    file = run / "nonfinite/step_2/process_0.pt"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"process_0\.pt: cannot be read \(.*\)\. Use another dump\.$"):
        replay(run)


def test_a_flipped_byte_of_a_dump_is_named(tiny):
    run, _ = failed(tiny)
    file = run / "nonfinite/step_2/process_0.pt"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"process_0\.pt: (is damaged|cannot be read)"):
        replay(run)


def test_metrics_of_skipped_steps_are_null(tiny):
    trainer, run = run_of(tiny, "training.on_nonfinite=skip", "training.checkpoint_every=null")
    trainer.run()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["gradient_norm"] is None for line in lines if "losses" in line] == [False, True, True, True]


class Scaled:
    """An accelerator that trains in fp16, as far as it is asked here."""

    scaler = object()


def test_gradients_that_overflow_in_fp16_are_no_fault_unless_they_do_not_end():
    state = TrainingState()
    steps = NonFiniteSteps("stop", nn.Linear(1, 1), state, Scaled(), None, Reporter(9, active=False))
    report = StepReport(["total"], torch.tensor(math.inf), torch.ones(1))

    def settle():
        steps.watch(report, [BATCH], Snapshot(nn.Linear(1, 1)))
        steps.settle()

    for _ in range(MAX_OVERFLOWS):
        settle()
    with pytest.raises(TrainingError) as caught:
        settle()
    assert str(caught.value).startswith(
        "step 1: the gradients are not finite (total 1, gradient_norm inf) on a.png; no step of the last 21 was "
        "finite. "
    )
