"""Paths of runs, their checkpoints, and the files that describe them."""

import json

import pytest

from segkit.config import load_config
from segkit.errors import CheckpointError, SegkitError
from segkit.training.run_folder import RunFolder


def with_state(run, *steps):
    for step in steps:
        run.checkpoint(step).mkdir(parents=True)
        (run.checkpoint(step) / "training_state.pt").touch()


def config_at(tiny, path):
    file = tiny.parent / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(tiny.read_text())
    return load_config(file)


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("configs/mask_former/x_r18.yaml", "runs/mask_former/x_r18"),
        ("configs/quickstart.yaml", "runs/quickstart"),
        ("mine/of_today.yaml", "runs/of_today"),
        ("configs/v1.5/x.yaml", "runs/v1.5/x"),
    ],
)
def test_a_run_is_named_like_its_config(tiny, path, folder):
    assert str(RunFolder.new(config_at(tiny, path), None).path) == folder


def test_later_runs_are_numbered(tiny):
    config = load_config(tiny)
    for expected in ("runs/tiny", "runs/tiny-2", "runs/tiny-3"):
        run = RunFolder.new(config, None)
        assert str(run.path) == expected
        run.start(config, {})


def test_a_folder_without_run_is_not_taken(tiny):
    config = load_config(tiny)
    (tiny.parent / "runs/tiny").mkdir(parents=True)
    assert str(RunFolder.new(config, None).path) == "runs/tiny"


def test_runs_of_other_configs_do_not_count(tiny):
    config = load_config(tiny)
    RunFolder.new(config_at(tiny, "tiny_large.yaml"), None).start(config, {})
    RunFolder.new(config_at(tiny, "tiny-x.yaml"), None).start(config, {})
    assert str(RunFolder.new(config, None).path) == "runs/tiny"


def test_an_output_with_other_files_is_refused(tiny):
    config = load_config(tiny)
    output = tiny.parent / "mine"
    output.mkdir()
    assert RunFolder.new(config, output).path == output
    (output / "best").mkdir()
    with pytest.raises(SegkitError) as caught:
        RunFolder.new(config, output)
    assert str(caught.value) == f"{output}: is not empty. Give another --output, or empty the folder first."


def test_an_output_of_one_s_own(tiny):
    config = load_config(tiny)
    run = RunFolder.new(config, "mine")
    run.start(config, {})
    with pytest.raises(SegkitError) as caught:
        RunFolder.new(config, "mine")
    assert str(caught.value) == "mine: holds a run already. Give another --output, or continue it with --resume."


def test_the_newest_run_is_resumed(tiny):
    config = load_config(tiny)
    for _ in range(2):
        run = RunFolder.new(config, None)
        run.start(config, {})
        with_state(run, 5)
    assert RunFolder.existing(config, None).path == run.path
    assert str(RunFolder.existing(config, "runs/tiny").path) == "runs/tiny"


@pytest.mark.parametrize("output", [None, "mine"])
def test_the_folder_to_resume_need_not_exist(tiny, output):
    run = RunFolder.existing(load_config(tiny), output)
    assert str(run.path) == output or "runs/tiny"
    with pytest.raises(CheckpointError) as caught:
        run.require_newest_checkpoint()
    assert str(caught.value) == (
        f"{run.path}: has no checkpoint to resume from (checkpoints/step_N/training_state.pt)."
    )


@pytest.mark.parametrize("find", [RunFolder.new, RunFolder.existing])
def test_a_file_is_no_run_folder(tiny, find):
    with pytest.raises(SegkitError) as caught:
        find(load_config(tiny), "tiny.yaml")
    assert str(caught.value) == "tiny.yaml: is not a folder. Give another --output."


def test_checkpoints_go_by_number_and_need_a_state(tmp_path):
    run = RunFolder(tmp_path)
    with_state(run, 10, 9, 100)
    run.checkpoint(1000).mkdir()
    (tmp_path / "checkpoints/step_x").mkdir()
    assert [path.name for path in run.checkpoints()] == ["step_9", "step_10", "step_100"]
    assert run.require_newest_checkpoint() == tmp_path / "checkpoints/step_100"


@pytest.mark.parametrize(("keep", "left"), [(2, ["step_10", "step_100"]), (5, ["step_9", "step_10", "step_100"])])
def test_the_oldest_checkpoints_go(tmp_path, keep, left):
    run = RunFolder(tmp_path)
    with_state(run, 10, 9, 100)
    run.prune_checkpoints(keep)
    assert [path.name for path in run.checkpoints()] == left


def test_the_newest_checkpoint_stays_whatever_is_asked(tmp_path):
    run = RunFolder(tmp_path)
    with_state(run, 1, 2)
    run.prune_checkpoints(0)
    assert [path.name for path in run.checkpoints()] == ["step_2"]


def test_a_run_is_described_by_its_files(tiny):
    config = load_config(tiny, ["training.steps=7"])
    run = RunFolder.new(config, "mine")
    run.start(config, {"effective_batch": 6})
    saved = load_config(run.path / "config.yaml")
    assert saved["model"].items() >= config["model"].items()
    assert {**saved.data, "model": config["model"]} == config.data
    environment = json.loads((run.path / "environment.json").read_text())
    assert environment["effective_batch"] == 6
    assert set(environment["packages"]) >= {"segkit", "torch", "timm"}
    assert isinstance(environment["plugins"], dict)
    assert environment.keys() >= {"command", "python", "platform", "device", "cpu_count", "torch_threads"}
