"""A process of a training is killed or stopped: all processes end, the cause is printed, the last step is saved."""

import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch

from segkit.runtime.processes import Process
from segkit.runtime.watching import Watch, _is_of_connection
from segkit.training.run_folder import RunFolder
from tests.helpers.launched import ROOT, TORCHRUN, TRAIN, finish
from tests.helpers.tiny import lines_of, write_tiny

two_processes = [
    pytest.mark.slow,
    pytest.mark.skipif(torch.cuda.is_available(), reason="these start processes on a CPU"),
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


def test_a_lone_process_is_not_watched():
    with Watch(Process(torch.device("cpu"))) as watch:
        assert watch.lost == ""
        assert watch._companion is None


def test_errors_of_connections():
    assert _is_of_connection(RuntimeError("[/gloo/transport/tcp/pair.cc] Connection closed by peer"))
    assert _is_of_connection(torch.distributed.DistBackendError("NCCL"))
    assert not _is_of_connection(RuntimeError("out of memory"))
    assert not _is_of_connection(None)


def started(folder, run, *settings):
    words = [*TORCHRUN, TRAIN, write_tiny(folder), *settings, "training.checkpoint_every=null", "--output", run]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *map(str, words)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    launcher = subprocess.Popen(command, env=environment, start_new_session=True, **streams)
    while launcher.poll() is None and not ((run / "metrics.jsonl").exists() and lines_of(run)):
        time.sleep(0.1)
    return launcher


def process_of(launcher, rank):
    children = psutil.Process(launcher.pid).children()
    return next(one for one in children if one.environ().get("RANK") == str(rank))


class TestTwoProcesses:
    pytestmark = two_processes

    @pytest.mark.parametrize(
        ("number", "how"), [(signal.SIGKILL, "was killed or has crashed"), (signal.SIGSTOP, r"was stopped \(SIGSTOP\)")]
    )
    def test_all_end_and_the_last_whole_step_is_saved(self, tmp_path, number, how):
        run = tmp_path / "run"
        launcher = started(tmp_path, run, "training.steps=100000")
        lost = process_of(launcher, 1)
        lost.send_signal(number)
        # torch alone would wait half an hour for a stopped process.
        printed, errors = launcher.communicate(timeout=240)
        assert re.search(rf"^error: process 1 \(pid {lost.pid} on \S+\) {how}.* go on with --resume\.$", errors, re.M)
        (step,) = re.findall(r"^step (\d+) is saved; continue with --resume", printed, re.M)
        assert [path.name for path in RunFolder(run).checkpoints()] == [f"step_{step}"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_to_all_at_once_saves_the_training(self, tmp_path, number):
        """As a scheduler or a terminal sends it; the launcher passes it on to those that have got it already."""
        run = tmp_path / "run"
        launcher = started(tmp_path, run, "training.steps=100000")
        whole = psutil.Process(launcher.pid)
        for process in [*whole.children(recursive=True), whole]:
            process.send_signal(number)
        printed, errors = launcher.communicate(timeout=240)
        assert "was killed or has crashed" not in errors
        (step,) = re.findall(r"^step (\d+) is saved; continue with --resume", printed, re.M)
        assert [path.name for path in RunFolder(run).checkpoints()] == [f"step_{step}"]

    def test_all_end_where_the_main_process_is_killed(self, tmp_path):
        """Nobody can save: the training goes on from its newest checkpoint, or anew."""
        launcher = started(tmp_path, tmp_path / "run", "training.steps=100000")
        main = process_of(launcher, 0)
        family = psutil.Process(launcher.pid).children(recursive=True)
        main.kill()
        _, errors = launcher.communicate(timeout=240)
        lost = rf"process 0 \(pid {main.pid} on \S+\) was killed or has crashed|the connection to .* has ended"
        assert re.search(rf"^error: ({lost})", errors, re.M), errors
        assert not psutil.wait_procs(family, timeout=60)[1]

    def test_a_process_that_fails_tells_the_other_why(self, tmp_path):
        """The second process alone reads the image that cannot be read. The main process saves the step before."""
        program = tmp_path / "program.py"
        program.write_text(FAILING)
        run = tmp_path / "run"
        done = finish(*TORCHRUN, program, write_tiny(tmp_path), run)
        assert done.returncode != 0
        assert re.search(r"^0: process 1 \(pid \d+ on \S+\) has ended: bad\.png: broken\. All proc", done.stdout, re.M)
        assert "1: bad.png: broken" in done.stdout
        assert [path.name for path in RunFolder(run).checkpoints()][-1] == "step_2"


FAILING = """
import os, sys
from segkit.errors import DataError, TrainingError
from segkit.training import train as module

build, rank = module.build_training, os.environ["RANK"]

def built(*words):
    trainer = build(*words)
    batches = trainer.batches
    def failing():
        for _ in range(2):
            yield next(batches)
        if rank == "1":
            raise DataError("bad.png: broken")
        yield from batches
    trainer.batches = failing()
    return trainer

module.build_training = built
try:
    module.train(sys.argv[1], sys.argv[2], device="cpu")
except (DataError, TrainingError) as error:
    print(f"{rank}: {error}", flush=True)
    sys.exit(1)
"""
