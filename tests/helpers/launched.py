"""Commands in processes of their own, several of them launched together; `tests.helpers.forked` is quicker."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
TRAIN, TEST, PREDICT = (str(ROOT / f"tools/{name}.py") for name in ("train", "test", "predict"))


def finish(*words):
    """Runs a command of Python to its end."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    return subprocess.run([sys.executable, *map(str, words)], env=environment, capture_output=True, text=True)


def start(*words):
    """Runs a command of Python that must succeed, and returns what it printed."""
    done = finish(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout
