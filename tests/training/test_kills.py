"""Trainings that are killed at random moments go on by the same command line, and end bit-equal."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from segkit.config import load_config
from segkit.training.train import train
from tests.helpers.tiny import assert_equal_weights, lines_of, write_tiny

ROOT = Path(__file__).parents[2]
SETTINGS = ["training.steps=8", "training.evaluate_every=3", "training.checkpoint_every=2"]
SETTINGS.append("training.hooks=[{type: ema, decay: 0.5}, {type: early_stopping, patience: 9}]")
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kills")


@pytest.fixture(scope="module")
def wholes(folder):
    """Returns the unbroken run of a number of processes."""
    runs = {}

    def of(processes):
        if processes not in runs:
            output = folder / f"whole_{processes}"
            if processes == 1:
                train(load_config(write_tiny(folder), SETTINGS), output, device="cpu")
            else:
                assert start(folder, output, 0, processes).wait() == 0
            runs[processes] = output
        return runs[processes]

    return of


def start(folder, output, workers, processes=1):
    """Starts the training: always the same command line."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    launcher = ["-m", "segkit", "train"] if processes == 1 else [*TORCHRUN, str(ROOT / "tools/train.py")]
    words = [*launcher, str(write_tiny(folder)), *SETTINGS, f"data.train.workers={workers}"]
    words += ["--output", str(output), "--resume"]
    return subprocess.Popen(
        [sys.executable, *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def assert_survives(folder, whole, number, workers, processes=1, kills=4):
    output = folder / f"killed_{number}_{workers}_{processes}"
    generator = random.Random(number)
    for _ in range(kills):
        process = start(folder, output, workers, processes)
        # The moment counts from the first sign of the run, so that slow imports do not use up all kills.
        deadline = time.monotonic() + 120
        while process.poll() is None and not (output / "config.yaml").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            process.wait(timeout=generator.uniform(0, 6 * processes))
        except subprocess.TimeoutExpired:
            # Loader workers are left to themselves. Of several processes the launcher is killed too: it would end them.
            family = [] if processes == 1 else psutil.Process(process.pid).children(recursive=True)
            for one in [process, *family]:
                one.kill()
        _, errors = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors
    else:
        assert start(folder, output, workers, processes).wait() == 0
    for name in ("last", "best"):
        assert_equal_weights(output / name, whole / name)
    logged = [[(line["step"], "evaluation" in line) for line in lines_of(run)] for run in (output, whole)]
    assert logged[0] == logged[1]


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="GPU kernels need not be deterministic")
@pytest.mark.parametrize(("number", "workers"), [(0, 0), (1, 2), (2, 0)])
def test_a_killed_training_ends_bit_equal(folder, wholes, number, workers):
    assert_survives(folder, wholes(1), number, workers, kills=1)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(torch.cuda.is_available(), reason="GPU kernels need not be deterministic")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("number", range(3, 28))
def test_many_killed_trainings_end_bit_equal(folder, wholes, number, workers):
    assert_survives(folder, wholes(1), number, workers)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(torch.cuda.is_available(), reason="GPU kernels need not be deterministic")
@pytest.mark.parametrize("number", range(28, 33))
def test_killed_trainings_of_two_processes_end_bit_equal(folder, wholes, number):
    assert_survives(folder, wholes(2), number, 0, 2)


@pytest.mark.slow
def test_a_second_training_in_the_folder_is_refused(folder):
    output = folder / "shared"
    first = start(folder, output, 0)
    while first.poll() is None and not (output / ".lock").exists():
        time.sleep(0.02)
    second = start(folder, output, 0)
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
    limit = (wholes(1) / file).stat().st_size - 100
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
        assert start(folder, output, 0).wait() == 0
        assert_equal_weights(output / "last", wholes(1) / "last")
