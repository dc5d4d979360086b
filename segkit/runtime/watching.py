"""Ends all processes of a training when one of them is lost, and says which."""

import multiprocessing
import os
import platform
import sys
import threading
import time
import uuid
from multiprocessing.process import BaseProcess
from types import TracebackType

from torch.distributed import DistError

from segkit.errors import TrainingError, TrainingStopped, cause_of
from segkit.runtime.companion import PATIENCE, Post, keep_company
from segkit.runtime.processes import Process, gather

_WAIT = 5.0
"""Seconds in which the companions find out why a connection has ended."""


class Watch:
    """Context manager around the work of processes that were launched together. Every process must enter it.

    A process that was killed, was stopped, or whose machine is away leaves the others waiting for it, for many minutes.
    Here they learn which one is lost. One that waits in a connection over gloo gets an error, so that a training saves
    its last whole step. One that does not end within 20 seconds is ended. Works on Linux; elsewhere it does nothing.

    Args:
        process: The place of this process.

    Example:
        >>> from segkit.runtime.processes import join_processes
        >>> with Watch(join_processes("cpu")) as watch:
        ...     watch.lost
        ''
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._companion: BaseProcess | None = None
        self._known = threading.Event()
        self._leaves = False
        self.lost = ""
        """Which other process is lost, and how."""

    def __enter__(self) -> "Watch":
        if self._process.num_processes == 1 or sys.platform != "linux":
            return self
        rank = self._process.rank
        gathered = gather((f"process {rank} (pid {os.getpid()} on {platform.node()})", uuid.uuid4().hex))
        post = Post(
            address=os.environ["MASTER_ADDR"],
            port=int(os.environ["MASTER_PORT"]),
            prefix=f"segkit/{gathered[0][1]}",
            rank=rank,
            pid=os.getpid(),
            names=[name for name, _ in gathered],
        )
        self._pipe, end = multiprocessing.Pipe()
        # Forked, it takes a few megabytes and starts at once; another one would import torch anew.
        context = multiprocessing.get_context("fork")
        self._companion = context.Process(target=keep_company, args=(post, end, self._pipe), daemon=True)
        self._companion.start()
        end.close()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._companion is None:
            return
        if self.lost or _is_of_connection(error):
            self._known.wait(_WAIT)
            self._leaves = True
            self._companion.kill()  # it waits for the end of this process, which would wait for it
            reason = self.lost or f"the connection to another process has ended ({cause_of(error or OSError())})"
            raise TrainingError(f"{reason}. All processes end; go on with --resume.") from error
        # All processes stop together where one is asked to: none is lost.
        in_order = error is None or isinstance(error, TrainingStopped)
        self._pipe.send("" if in_order else cause_of(error or OSError()))
        self._companion.join(_WAIT)
        self._companion.kill()
        if error is None:
            gather(None)  # the process that holds the store may end now

    def _listen(self) -> None:
        try:
            self.lost = self._pipe.recv()
        except (EOFError, OSError):  # the companion has ended with its task
            return
        self._known.set()
        time.sleep(PATIENCE)
        # The main thread waits for the lost process. Nothing but the end of this process frees it.
        if not self._leaves:
            text = f"error: {self.lost}. This process did not end by itself and is ended; go on with --resume.\n"
            os.write(2, text.encode())
        os._exit(1)


def _is_of_connection(error: BaseException | None) -> bool:
    """Whether an error tells that another process does not answer. gloo's have no type of their own."""
    return isinstance(error, DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error).lower())
