"""Complete tiny trainings: what they write and what they refuse."""

import json
import shutil

import pytest
import torch

import segkit
from segkit.checkpoint import read_weights
from segkit.config import load_config
from segkit.errors import CheckpointError, SegkitError
from segkit.training.run_folder import RunFolder
from segkit.training.train import train
from tests.helpers.tiny import assert_equal_weights, evaluations_of, lines_of


def test_a_run_writes_everything_the_blueprint_names(tiny, capsys):
    run = train(load_config(tiny, ["training.evaluate_every=2", "training.checkpoint_every=2"]))
    assert str(run) == "runs/tiny"
    files = {path.name for path in run.iterdir() if path.is_file()}
    assert files == {"SHA256SUMS", "config.yaml", "data_summary.json", "environment.json", "metrics.jsonl"}
    assert {path.name for path in run.iterdir()} - files == {"checkpoints", "best", "last", "evaluation"}
    for folder in ("best", "last", "checkpoints/step_2", "checkpoints/step_4"):
        files = {path.name for path in (run / folder).iterdir()} - {"training_state.pt"}
        assert files == {"model.safetensors", "config.yaml", "classes.json", "SHA256SUMS"}
    lines = lines_of(run)
    assert [line["step"] for line in lines if "losses" in line] == [1, 2, 3, 4]
    assert [line["step"] for line in lines if "evaluation" in line] == [2, 4]
    assert set(lines[0]["losses"]) == {
        "total", "cross_entropy", "focal", "dice", "cross_entropy/0", "focal/0", "dice/0"
    }  # fmt: skip
    assert 0 <= lines[0]["waiting_for_data"] <= 1
    assert json.loads((run / "environment.json").read_text())["effective_batch"] == 2
    overlays = sorted(path.name for path in (run / "evaluation/overlays").glob("*.png"))
    assert len(overlays) == 6
    shown = capsys.readouterr().out
    assert "images: runs/tiny/evaluation/overlays" in shown
    assert "mean_iou" in shown


def test_the_same_config_gives_the_same_weights_whatever_the_workers(tiny):
    one = train(load_config(tiny, ["training.steps=2"]))
    other = train(load_config(tiny, ["training.steps=2", "data.train.workers=2"]))
    assert str(other) == "runs/tiny-2"
    assert_equal_weights(one / "last", other / "last")


def test_accumulated_batches_count_as_one_step(tiny):
    run = train(load_config(tiny, ["training.steps=2", "training.accumulate=2"]))
    assert json.loads((run / "environment.json").read_text())["effective_batch"] == 4
    assert [line["step"] for line in lines_of(run) if "losses" in line] == [1, 2]


def test_bf16_trains(tiny):
    run = train(load_config(tiny, ["training.steps=1", "training.precision=bf16"]))
    assert all(tensor.dtype != torch.bfloat16 for tensor in read_weights(run / "last").values())


def test_old_checkpoints_are_dropped(tiny):
    run = train(load_config(tiny, ["training.checkpoint_every=1", "training.keep_checkpoints=2"]))
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["step_3", "step_4"]


def test_early_stopping(tiny, capsys):
    patience = "training.hooks=[{type: early_stopping, patience: 1}]"
    settings = ["training.evaluate_every=1", patience, "training.optimizer.lr=1e-30", "training.steps=9"]
    run = train(load_config(tiny, settings), output="run")
    steps = [line["step"] for line in lines_of(run) if "evaluation" in line]
    assert steps[-1] < 9
    assert f"stopped early at step {steps[-1]}: 1 evaluation without a new best\n" in capsys.readouterr().out
    assert (run / "last" / "model.safetensors").is_file()
    train(load_config(tiny, settings), output="run", resume=True)
    assert [line["step"] for line in lines_of(run) if "evaluation" in line] == steps


def test_init_from_is_reported(tiny, capsys):
    first = train(load_config(tiny, ["training.steps=1"]))
    train(load_config(tiny, ["training.steps=1", f"init_from={first}"]))
    assert f"initialized from {first}: " in capsys.readouterr().out


def test_start_weights_are_evaluated(tiny, capsys):
    """Before the first step, with the metrics of the checkpoint; not where a run is resumed."""
    first = train(load_config(tiny, ["training.steps=1"]))
    settings = ["training.steps=2", "training.evaluate_every=1", f"init_from={first}"]
    run = train(load_config(tiny, settings))
    evaluated = [line for line in lines_of(run) if "evaluation" in line]
    assert [line["step"] for line in evaluated] == [0, 1, 2]
    assert evaluated[0]["evaluation"] == evaluations_of(first)[-1]
    shown = capsys.readouterr().out
    assert shown.index("\nstep 0: mean_iou ") < shown.index("\nstep 1/2 ")
    train(load_config(tiny, ["training.steps=3", *settings[1:]]), run, resume=True)
    assert [line["step"] for line in lines_of(run) if "evaluation" in line] == [0, 1, 2, 3]


def test_an_output_that_is_taken_is_left_alone(tiny):
    train(load_config(tiny, ["training.steps=1"]), output="mine")
    with pytest.raises(SegkitError) as caught:
        train(load_config(tiny), output="mine")
    assert str(caught.value) == "mine: holds a run already. Give another --output, or continue it with --resume."


def test_resuming_nothing_starts_anew_and_says_so(tiny, capsys):
    """The same command line then works whenever a scheduler starts it."""
    run = train(load_config(tiny, ["training.steps=1"]), resume=True)
    assert str(run) == "runs/tiny"
    note = "runs/tiny: has no checkpoint to resume from, so the training starts anew"
    assert capsys.readouterr().out.startswith(f"{note}\n")
    assert [line["step"] for line in lines_of(run) if "losses" in line] == [1]


def test_a_run_killed_before_its_first_checkpoint_starts_anew(tiny):
    config = load_config(tiny, ["training.steps=2"])
    whole = train(config, output="whole")
    killed = RunFolder(tiny.parent / "killed")
    killed.start(config, {})
    killed.metrics.write_text('{"step": 1, "losses": {}}\n')
    train(config, killed.path, resume=True)
    assert_equal_weights(whole / "last", killed.path / "last")
    assert [line["step"] for line in lines_of(killed.path) if "losses" in line] == [1, 2]


def test_a_model_without_checkpoint_is_never_overwritten(tiny):
    run = train(load_config(tiny, ["training.steps=1"]))
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(CheckpointError) as caught:
        train(load_config(tiny), resume=True)
    assert str(caught.value) == (
        "runs/tiny: has a model but no checkpoint to resume from (checkpoints/step_N). Start a new training in another "
        "folder with init_from=runs/tiny/last."
    )


def test_a_config_may_be_a_path_or_a_dict(tiny):
    config = load_config(tiny, ["training.steps=1"])
    run = segkit.train(config.data, device="cpu")
    assert str(run) == "runs/run"
    tiny.write_text(config.to_yaml())
    assert_equal_weights(run / "last", segkit.train(tiny, "mine", device="cpu") / "last")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_gpu_learns(tiny, precision):
    settings = [f"training.precision={precision}", "training.steps=40", "training.log_every=10"]
    lines = [line for line in lines_of(train(load_config(tiny, settings))) if "losses" in line]
    assert lines[-1]["losses"]["total"] < lines[0]["losses"]["total"]
    assert lines[-1]["peak_memory_gb"] > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_training_moves_from_the_gpu_to_the_cpu(tiny):
    run = train(load_config(tiny, ["training.steps=1"]))
    train(load_config(tiny, ["training.steps=2"]), resume=True, device="cpu")
    assert [line["step"] for line in lines_of(run) if "losses" in line] == [1, 2]
