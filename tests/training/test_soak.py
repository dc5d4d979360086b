"""A training of two hours, with evaluations and checkpoints, needs no more memory and files at its end than before."""

import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.helpers.tiny import write_tiny

ROOT = Path(__file__).parents[2]
SECONDS = float(os.environ.get("SEGKIT_SOAK_SECONDS", "7200"))
INTERVAL = 5
SETTINGS = ["training.steps=10000000", "training.evaluate_every=40", "training.checkpoint_every=20"]
GROWTH = 1.02
"""The most that the last third may have of what the second third had. The first third warms up."""


@pytest.mark.long
def test_memory_and_open_files_stay_flat(tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    words = ["train", write_tiny(tmp_path), *SETTINGS, "data.train.workers=1", "--output", tmp_path / "run"]
    with open(tmp_path / "printed.txt", "w") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "segkit", *map(str, words)],
            env=environment,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        try:
            memory, files = watch(psutil.Process(process.pid))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
    print(f"soak of {SECONDS:g} s: memory in GB {memory}, open files {files}, by thirds")
    assert (tmp_path / "run/last/model.safetensors").is_file()
    assert memory[2] <= GROWTH * memory[1]
    assert files[2] <= GROWTH * files[1]


def watch(process):
    """Returns medians of memory and of open files of the process and its children, for each third of the time."""
    memory, files = [], []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(INTERVAL)
        assert process.status() != psutil.STATUS_ZOMBIE, "the training has ended"
        family = [process, *process.children(recursive=True)]
        # Shared pages count once: a loader's worker shares most of its memory with the training.
        memory.append(sum(one.memory_full_info().pss for one in family) / 1e9)
        files.append(sum(one.num_fds() for one in family))
    return medians_of_thirds(memory), medians_of_thirds(files)


def medians_of_thirds(values):
    third = len(values) // 3
    return [round(statistics.median(values[third * part : third * (part + 1)]), 4) for part in range(3)]
