"""Trainings that are killed at random moments go on by the same command line, and end bit-equal."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch

from tests.helpers.forked import Forked
from tests.helpers.launched import TRAIN
from tests.helpers.tiny import assert_equal_weights, lines_of, write_tiny

ROOT = Path(__file__).parents[2]
SETTINGS = ["training.steps=8", "training.evaluate_every=3", "training.checkpoint_every=2"]
SETTINGS.append("training.hooks=[{type: ema, decay: 0.5}, {type: early_stopping, patience: 9}]")
SETTINGS.append("model.backbone.options={out_indices: [1]}")
SETTINGS.append("data.val.dataset.length=2")
"""A run of seconds: the layers of the backbone that are left out have most of its weights."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kills")


@pytest.fixture(scope="module")
def wholes(folder):
    """Returns the unbroken run of a number of processes, and the seconds that it took."""
    runs = {}

    def of(processes):
        if processes not in runs:
            output = folder / f"whole_{processes}"
            training, begin = started(folder, output, 0, processes), time.monotonic()
            training.finish().check_returncode()
            runs[processes] = output, time.monotonic() - begin
        return runs[processes]

    return of


def words_of(folder, output, workers):
    """The same for each start of a training."""
    return [write_tiny(folder), *SETTINGS, f"data.train.workers={workers}", "--output", output, "--resume"]


def started(folder, output, workers, processes):
    return Forked(None if processes == 1 else processes, TRAIN, *words_of(folder, output, workers))


def kill(pids):
    """Kills a training by SIGKILL. Loader workers are left to themselves where it is a single process.

    Of several processes, what they have started is killed too, as where a machine loses its power.
    """
    family = [psutil.Process(pid) for pid in pids]
    if len(pids) > 1:
        family += [child for one in family for child in one.children(recursive=True)]
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()


def assert_survives(folder, wholes, number, workers, processes=1, kills=4):
    whole, seconds = wholes(processes)
    output = folder / f"killed_{number}_{workers}_{processes}"
    generator = random.Random(number)
    killed = 0
    while killed < kills:
        training = started(folder, output, workers, processes)
        end = time.monotonic() + generator.uniform(0, seconds)
        while time.monotonic() < end and any(psutil.pid_exists(pid) for pid in training.pids):
            time.sleep(0.01)
        kill([pid for pid in training.pids if psutil.pid_exists(pid)])
        done = training.finish()
        if done.returncode == 0 and killed:
            break
        if done.returncode == 0:  # it was quicker than the one that was measured
            shutil.rmtree(output)
            seconds /= 2
            continue
        assert done.returncode == -signal.SIGKILL, done.stderr
        killed += 1
    else:
        done = started(folder, output, workers, processes).finish()
    assert done.returncode == 0, done.stderr
    for name in ("last", "best"):
        assert_equal_weights(output / name, whole / name)
    logged = [[(line["step"], "evaluation" in line) for line in lines_of(run)] for run in (output, whole)]
    assert logged[0] == logged[1]
    print(f"killed {killed} times")
    shutil.rmtree(output)


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="GPU kernels need not be deterministic")
@pytest.mark.parametrize(("number", "workers", "processes"), [(0, 0, 1), (1, 2, 1), (2, 0, 2)])
def test_a_killed_training_ends_bit_equal(folder, wholes, number, workers, processes):
    assert_survives(folder, wholes, number, workers, processes, kills=1)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(torch.cuda.is_available(), reason="GPU kernels need not be deterministic")
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("number", range(3, 28))
def test_many_killed_trainings_end_bit_equal(folder, wholes, number, workers, processes):
    assert_survives(folder, wholes, number, workers, processes)


def start(folder, output):
    """Starts the training in a process that has not yet imported anything."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.Popen(
        [sys.executable, "-m", "segkit", "train", *map(str, words_of(folder, output, 0))],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_second_training_in_the_folder_is_refused(folder):
    output = folder / "shared"
    first = start(folder, output)
    while first.poll() is None and not (output / ".lock").exists():
        time.sleep(0.02)
    second = start(folder, output)
    _, errors = second.communicate()
    assert second.returncode == 1
    assert errors.startswith(f"error: {output}: another process is using this folder: process {first.pid} on ")
    assert errors.count("\n") == 1
    assert first.wait() == 0


LIMITED = """
import resource, sys
from segkit.cli.main import main
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("file", ["config.yaml", "last/model.safetensors", "checkpoints/step_8/training_state.pt"])
def test_a_full_disk_is_one_line(folder, wholes, file):
    """A limit on the size of files, a bit less than this one needs, stands for the disk."""
    limit = (wholes(1)[0] / file).stat().st_size - 100
    output = folder / f"full_{limit}"
    words = ["train", str(write_tiny(folder)), *SETTINGS, "--output", str(output), "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LIMITED, str(limit), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "cannot be written (" in errors[0]
    assert not list(output.rglob("*.writing"))
    if file.startswith("checkpoints"):
        assert start(folder, output).wait() == 0
        assert_equal_weights(output / "last", wholes(1)[0] / "last")
