"""Whatever ends a training, a checkpoint of the last whole step is left, from which it goes on exactly."""

import errno

import pytest
import torch

from segkit.config import load_config
from segkit.criterion import LossReport
from segkit.errors import CheckpointError, DataError
from segkit.registries import Hook
from segkit.training.build import build_training
from segkit.training.run_folder import RunFolder
from segkit.training.train import train
from tests.helpers.tiny import assert_equal_weights, lines_of

SAVING_ONLY_AT_THE_END = ["training.checkpoint_every=null"]


def built(tiny, output="broken", settings=SAVING_ONLY_AT_THE_END):
    return build_training(load_config(tiny, settings), RunFolder(tiny.parent / output))


def failing_batches(batches, count, error):
    for _ in range(count):
        yield next(batches)
    raise error


def assert_goes_on_exactly(tiny, settings=SAVING_ONLY_AT_THE_END):
    whole = train(load_config(tiny, settings), output="whole")
    train(load_config(tiny, settings), output="broken", resume=True)
    for name in ("last", "best"):
        assert_equal_weights(whole / name, tiny.parent / "broken" / name)
    steps = [[(line["step"], *sorted(line)) for line in lines_of(run)] for run in (whole, tiny.parent / "broken")]
    assert steps[0] == steps[1]


@pytest.mark.parametrize(
    "error", [DataError("bad.png: damaged"), RuntimeError("out of memory"), OSError("disk"), SystemExit(3)]
)
def test_an_error_while_loading_loses_no_step(tiny, capsys, error):
    trainer = built(tiny)
    trainer.batches = failing_batches(trainer.batches, 3, error)
    with pytest.raises(type(error)):
        trainer.run()
    run = tiny.parent / "broken"
    assert f"step 3 is saved; continue with --resume --output {run}\n" in capsys.readouterr().out
    assert_goes_on_exactly(tiny)


def test_an_error_within_a_step_is_undone(tiny):
    """The forward pass has drawn dropout's random numbers and updated running statistics."""
    trainer = built(tiny)
    criterion = trainer.training_step.criterion

    def third_fails(prediction, targets):
        report = criterion(prediction, targets)
        if trainer.state.step == 2:
            raise ValueError("a part fails")
        return report

    trainer.training_step.criterion = third_fails
    with pytest.raises(ValueError, match="a part fails"):
        trainer.run()
    assert_goes_on_exactly(tiny)


@pytest.mark.parametrize("log_every", [1, 20])
def test_a_loss_that_is_nan_leaves_the_step_before(tiny, log_every):
    settings = [*SAVING_ONLY_AT_THE_END, f"training.log_every={log_every}"]
    trainer = built(tiny, settings=settings)
    criterion = trainer.training_step.criterion

    def third_is_nan(prediction, targets):
        report = criterion(prediction, targets)
        return LossReport(report.total * float("nan"), report.parts) if trainer.state.step == 2 else report

    trainer.training_step.criterion = third_is_nan
    with pytest.raises(Exception, match="not finite"):
        trainer.run()
    assert_goes_on_exactly(tiny, settings)


@pytest.mark.parametrize("every", ["null", "2", "3"])
def test_an_evaluation_that_fails_is_made_again(tiny, every):
    settings = [f"training.checkpoint_every={every}", "training.evaluate_every=2"]
    trainer = built(tiny, settings=settings)
    evaluate = trainer.evaluate

    def fails(model, final):
        if trainer.state.step == 2:
            raise DataError("bad.png: damaged")
        return evaluate(model, final)

    trainer.evaluate = fails
    with pytest.raises(DataError):
        trainer.run()
    assert_goes_on_exactly(tiny, settings)


def test_weights_that_are_not_finite_are_not_saved(tiny, capsys):
    trainer = built(tiny)

    def spoiled(batches):
        yield next(batches)
        with torch.no_grad():
            next(trainer.model.parameters()).fill_(float("nan"))
        raise DataError("bad.png: damaged")

    trainer.batches = spoiled(trainer.batches)
    with pytest.raises(DataError):
        trainer.run()
    assert "step 1 has weights that are not finite, and is not saved; start anew with" in capsys.readouterr().out
    assert not (tiny.parent / "broken/checkpoints").exists()


def test_a_hook_whose_state_fails_does_not_hide_the_first_error(tiny, capsys):
    trainer = built(tiny)
    trainer.batches = failing_batches(trainer.batches, 1, DataError("bad.png: damaged"))

    class Stateless(Hook):
        def state(self):
            raise ValueError("no state.")

    trainer.hooks._hooks["failing"] = Stateless()
    with pytest.raises(DataError, match=r"^bad.png: damaged$"):
        trainer.run()
    line = "step 1 is saved without the state of hook 'failing' (no state); continue with --resume --output"
    assert line in capsys.readouterr().out


def fails_halfway(trainer, at):
    """Makes the update of a step change one weight and one state of the optimizer, and then fail."""
    step = trainer.optimizer.step

    def failing():
        if trainer.state.step == at:
            with torch.no_grad():
                next(trainer.model.parameters()).fill_(7.0)
            for state in trainer.optimizer.state.values():
                state["exp_avg"].fill_(7.0)
            trainer.optimizer.param_groups[0]["weight_decay"] = 7.0
            raise RuntimeError("out of memory")
        step()

    trainer.optimizer.step = failing


@pytest.mark.parametrize("every", ["1", "null"])
def test_an_update_that_fails_halfway_leaves_the_newest_checkpoint(tiny, capsys, every):
    settings = [f"training.checkpoint_every={every}"]
    trainer = built(tiny, settings=settings)
    fails_halfway(trainer, 2)
    with pytest.raises(RuntimeError, match="out of memory"):
        trainer.run()
    run = tiny.parent / "broken"
    if every == "1":  # its state was saved before
        there = f"step 2 is saved; continue with --resume --output {run}"
    else:
        there = (
            "step 2 cannot be saved, because the update after it failed halfway: there is no checkpoint yet; start "
            f"anew with --resume --output {run}"
        )
    assert there in capsys.readouterr().out
    assert_goes_on_exactly(tiny, settings)


def test_the_newest_checkpoint_before_a_failed_update_is_named(tiny, capsys):
    settings = ["training.checkpoint_every=2"]
    trainer = built(tiny, settings=settings)
    fails_halfway(trainer, 3)
    with pytest.raises(RuntimeError, match="out of memory"):
        trainer.run()
    newest = tiny.parent / "broken/checkpoints/step_2"
    assert f"because the update after it failed halfway: the newest checkpoint is {newest};" in capsys.readouterr().out
    assert_goes_on_exactly(tiny, settings)


def test_a_full_disk_leaves_earlier_checkpoints(tiny, capsys, monkeypatch):
    trainer = built(tiny, settings=["training.checkpoint_every=1"])

    def full_disk(tensors, file, metadata):
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill(batches):
        for _ in range(2):
            yield next(batches)
        monkeypatch.setattr("segkit.checkpoint.save_file", full_disk)
        yield from batches

    trainer.batches = fill(trainer.batches)
    with pytest.raises(CheckpointError) as caught:
        trainer.run()
    folder = tiny.parent / "broken/checkpoints/step_3"
    assert str(caught.value) == f"{folder}: cannot be written (No space left on device)."
    assert "step 3 could not be saved: " in capsys.readouterr().out
    monkeypatch.undo()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["step_1", "step_2"]
    monkeypatch.chdir(tiny.parent)
    assert_goes_on_exactly(tiny, ["training.checkpoint_every=1"])
