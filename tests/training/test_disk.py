"""A disk that is full or may not be written, and a folder that is taken: one line, and earlier checkpoints whole."""

import errno
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import save_file

from segkit.cli.main import main
from segkit.config import load_config
from segkit.runtime.integrity import require_intact_folder
from segkit.runtime.locking import lock_folder
from segkit.training.train import train
from tests.helpers.tiny import assert_equal_weights, write_tiny

resource = pytest.importorskip("resource", reason="this system has no limits of files")

ROOT = Path(__file__).parents[2]
SETTINGS = ["training.checkpoint_every=1", "training.evaluate_every=2"]
SETTINGS.append("training.schedule={type: multi_step, milestones: [1]}")  # the same for two steps and for four
STEPS = "training.steps=4"


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """The config, a run of two steps, and the unbroken run of four."""
    folder = tmp_path_factory.mktemp("disk")
    config = write_tiny(folder)
    train(load_config(config, [*SETTINGS, "training.steps=2"]), folder / "half")
    return config, folder / "half", train(load_config(config, [*SETTINGS, STEPS]), folder / "whole")


@pytest.fixture
def run(halves, tmp_path):
    return shutil.copytree(halves[1], tmp_path / "run")


def words(halves, run):
    return ["train", str(halves[0]), *SETTINGS, STEPS, "--output", str(run), "--resume"]


def assert_whole(run):
    for folder in ("last", "best", "checkpoints/step_1", "checkpoints/step_2"):
        require_intact_folder(run / folder)
    assert list(run.rglob("*.writing")) == []


def one_line(text):
    (line,) = [line for line in text.splitlines() if not line.startswith("warning: ")]
    return line


@pytest.mark.slow
@pytest.mark.parametrize("fraction", [0.5, 1.2])
def test_a_disk_that_fills_up(halves, run, fraction):
    """The weights do not fit any more, or fit, but not the larger state of the optimizer."""
    limit = int(fraction * (run / "last/model.safetensors").stat().st_size)
    ended = subprocess.run(
        [sys.executable, "-m", "segkit", *words(halves, run)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert one_line(ended.stderr).startswith(f"error: {run}/checkpoints/step_3: cannot be written (")
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["step_1", "step_2"]
    assert_whole(run)
    assert main(words(halves, run)) == 0
    assert_equal_weights(run / "last", halves[2] / "last")


@pytest.mark.parametrize(
    "file", ["metrics.jsonl", "data_summary.json", "evaluation/metrics.json", "best/model.safetensors"]
)
def test_a_disk_that_is_full_for_one_file(halves, tmp_path, monkeypatch, capsys, file):
    """Of those that are written beside the checkpoints. The step is saved before or by the error."""
    run, folder = tmp_path / "run", file.partition("/")[0]
    two_steps = ["train", str(halves[0]), *SETTINGS, "training.steps=2", "--output", str(run), "--resume"]
    opened, save = io.open, save_file

    def refuse(path, mode="w"):
        # Files are written beside their place, and the summary of the data for the first time before the first step.
        first = file == "data_summary.json" and not (run / "metrics.jsonl").exists()
        inside = str(path).startswith(str(run)) and Path(path).name.removesuffix(".writing") == Path(file).name
        if inside and folder in str(path) and {*mode} & {*"wa"} and not first:
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_or_refuse(path, mode="r", *more, **options):
        refuse(path, mode)
        return opened(path, mode, *more, **options)

    def save_or_refuse(tensors, path, metadata):
        refuse(path)
        save(tensors, path, metadata)

    with monkeypatch.context() as patch:
        patch.setattr("io.open", open_or_refuse)
        patch.setattr("segkit.checkpoint.save_file", save_or_refuse)
        assert main(two_steps) == 1
    printed = capsys.readouterr()
    named = run / (folder if folder == "best" else file)
    assert one_line(printed.err) == f"error: {named}: cannot be written (No space left on device)."
    (step,) = re.findall(r"^step (\d) is saved; continue with --resume", printed.out, re.M)
    for path in (run / "last", run / "checkpoints" / f"step_{step}"):
        require_intact_folder(path)
    assert main(two_steps) == 0
    for name in ("last", "best"):
        assert_equal_weights(run / name, halves[1] / name)


def test_a_second_process_in_the_folder(halves, run, capsys):
    with lock_folder(run):
        assert main(words(halves, run)) == 1
    assert one_line(capsys.readouterr().err).startswith(f"error: {run}: another process is using this folder: process ")
    assert_whole(run)
    assert main(words(halves, run)) == 0
    assert_equal_weights(run / "last", halves[2] / "last")


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write everywhere")
def test_a_folder_that_may_only_be_read(halves, run, capsys):
    for folder in (run, *(path for path in run.rglob("*") if path.is_dir())):
        folder.chmod(0o500)
    try:
        assert main(words(halves, run)) == 1
    finally:
        for folder in (run, *(path for path in run.rglob("*") if path.is_dir())):
            folder.chmod(0o700)
    assert one_line(capsys.readouterr().err) == f"error: {run}: cannot be written (Permission denied)."
    assert_whole(run)


@pytest.mark.parametrize("name", ["run", "run/deeper"])
def test_a_path_that_is_a_file(halves, tmp_path, capsys, name):
    (tmp_path / "run").write_text("mine")
    assert main(["train", str(halves[0]), *SETTINGS, STEPS, "--output", str(tmp_path / name)]) == 1
    assert one_line(capsys.readouterr().err).startswith(f"error: {tmp_path}/run")
    assert (tmp_path / "run").read_text() == "mine"
