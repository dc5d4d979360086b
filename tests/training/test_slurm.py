"""The Slurm script, with programs in place of Slurm's that start real processes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.helpers.launched import ROOT
from tests.helpers.tiny import lines_of, write_tiny

SCRIPT = ROOT / "tools/slurm.sh"

SRUN = f"""#!{sys.executable}
import os, signal, subprocess, sys
command = [word for word in sys.argv[1:] if not word.startswith("--kill-on-bad-exit")]
tasks = []
signal.signal(signal.SIGUSR1, lambda *_: [task.send_signal(signal.SIGUSR1) for task in tasks])
for task in range(int(os.environ["SLURM_NTASKS"])):
    place = {{"SLURM_PROCID": str(task), "SLURM_LOCALID": str(task)}}
    tasks.append(subprocess.Popen(command, env=os.environ | place))
sys.exit(max(task.wait() for task in tasks))
"""

SCONTROL = """#!/bin/sh
if [ "$1" = show ]; then echo localhost; else echo "$@" > requeued; fi
"""


def test_it_is_a_correct_script():
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", SCRIPT], check=True)


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="starts processes on a CPU")
@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo")
def test_a_job_is_requeued_until_the_training_has_ended(tmp_path):
    for name, program in (("srun", SRUN), ("scontrol", SCONTROL), ("python", f'#!/bin/sh\nexec {sys.executable} "$@"')):
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)
    job = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def start(steps):
        words = ["bash", SCRIPT, write_tiny(tmp_path), tmp_path / "run", f"training.steps={steps}"]
        command = [str(word) for word in words]
        return subprocess.Popen(command, env=os.environ | job | path, cwd=tmp_path, stderr=subprocess.PIPE, text=True)

    first = start(100000)
    wait_for_first_step(first, tmp_path / "run")
    first.send_signal(signal.SIGUSR1)
    _, errors = first.communicate(timeout=240)
    assert first.returncode == 75, errors
    assert errors.count("by SIGUSR1\n") == 2
    assert (tmp_path / "requeued").read_text() == f"requeue {job['SLURM_JOB_ID']}\n"
    (tmp_path / "requeued").unlink()
    done = lines_of(tmp_path / "run")[-1]["step"]
    second = start(done + 2)
    _, errors = second.communicate(timeout=240)
    assert second.returncode == 0, errors
    assert not (tmp_path / "requeued").exists()
    assert lines_of(tmp_path / "run")[-1]["step"] == done + 2


def wait_for_first_step(process: subprocess.Popen[str], run: Path) -> None:
    while process.poll() is None and not ((run / "metrics.jsonl").exists() and lines_of(run)):
        time.sleep(0.1)
