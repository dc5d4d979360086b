"""Processes that share their imports: forked from one that has imported what every command needs.

A process of its own spends seconds on importing torch and timm, and the launcher as many. Here they are imported once
in a session of tests. What torchrun tells its processes by environment variables is told to these too.
"""

import atexit
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]

_server: list[subprocess.Popen] = []


class Forked:
    """A script that runs, as torchrun runs it in a number of processes; None: without it. One at a time.

    As there, all processes are ended once one has failed. The output is that of all together.
    """

    def __init__(self, processes: int | None, *words) -> None:
        if not _server or _server[0].poll() is not None:
            _server[:] = [_start_server()]
        self._server = _server[0]
        self._folder = tempfile.TemporaryDirectory()
        self._words = [*map(str, words)]
        order = {"processes": processes, "words": self._words, "folder": self._folder.name, "cwd": os.getcwd()}
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        self.pids = json.loads(self._server.stdout.readline())

    def finish(self) -> subprocess.CompletedProcess:
        """Waits for the end of all processes. The code is the first one that is not 0."""
        code = int(self._server.stdout.readline())
        with self._folder as folder:
            out, err = (Path(folder, name).read_text() for name in ("out", "err"))
        return subprocess.CompletedProcess(self._words, code, out, err)


def finish_forked(processes: int | None, *words) -> subprocess.CompletedProcess:
    """Runs a script with its arguments to its end."""
    return Forked(processes, *words).finish()


def start_forked(processes: int | None, *words) -> str:
    """Runs a script that must succeed, and returns what it printed."""
    done = finish_forked(processes, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def _start_server() -> subprocess.Popen:
    # One thread: a fork has only the thread that forks.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    server = subprocess.Popen(
        [sys.executable, __file__],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)  # it ends where its input does
    return server


def serve() -> None:
    """Forks the processes of each order, and answers their ids, and then the first exit code that is not 0, or 0."""
    import timm  # noqa: F401
    import torch  # noqa: F401

    import segkit.cli.main
    import segkit.training.train  # noqa: F401

    for line in sys.stdin:
        order = json.loads(line)
        count = order["processes"]
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        running = []
        for rank in range(count or 1):
            child = os.fork()
            if child == 0:
                launched = {} if count is None else _environment(rank, count, port)
                _run(order, launched)
            running.append(child)
        print(json.dumps(running), flush=True)
        print(_code_of(set(running)), flush=True)


def _environment(rank: int, count: int, port: int) -> dict[str, str]:
    known = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    return {name: str(value) for name, value in {**known, "MASTER_ADDR": "localhost", "MASTER_PORT": port}.items()}


def _code_of(running: set[int]) -> int:
    first = 0
    while running:
        child, status = os.wait()
        running.discard(child)
        code = os.waitstatus_to_exitcode(status)
        if code and not first:
            first = code
            for other in running:
                with suppress(ProcessLookupError):
                    os.kill(other, signal.SIGTERM)
    return first


def _run(order: dict, launched: dict[str, str]) -> None:
    """Becomes the script, and ends this process."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{order['folder']}/{name}", flags, 0o600), number)
    os.chdir(order["cwd"])
    os.environ.update(launched)
    sys.argv = order["words"]
    code = 0
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve()
