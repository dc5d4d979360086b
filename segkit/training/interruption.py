"""Asks for the end of a training when the process receives a signal."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from segkit.errors import TrainingStopped
from segkit.training.stopping import Stopping

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]
"""Ctrl-C, and what job schedulers send before they end a job. Windows has no SIGUSR1."""

_ALARM = getattr(signal, "SIGALRM", None)
"""The signal of a timer, which Windows has not: there, a step waits as long as the loader allows."""

REPEAT = 2.0
"""Seconds in which further signals are the same one: a launcher passes on what its processes may have got already."""

PATIENCE = 10.0
"""Seconds that a step may still wait for data after a signal. Schedulers end a process 30 seconds after SIGTERM."""

Handler = Callable[[int, FrameType | None], object] | int | None
"""What `signal.signal` takes and returns."""


class Interruption:
    """Context manager: the first signal requests a stop, a later one ends the process at once.

    The training stops after the present step. If the step waits for data that do not come, it is given up.

    Args:
        stopping: Where the stop is requested.
        patience: Seconds until such a step is given up.
        repeat: Seconds in which further signals have no effect.
    """

    def __init__(self, stopping: Stopping, patience: float = PATIENCE, repeat: float = REPEAT) -> None:
        self._stopping = stopping
        self._patience = patience
        self._repeat = repeat
        self._end = 0.0
        self._earlier: dict[signal.Signals, Handler] = {}
        self._process = os.getpid()
        self._waits = False
        self._reason = ""

    def __enter__(self) -> "Interruption":
        # Python allows signal handlers in the main thread only.
        if threading.current_thread() is threading.main_thread():
            self._earlier = {number: signal.signal(number, self._receive) for number in SIGNALS}
            if _ALARM is not None:
                self._earlier[_ALARM] = signal.signal(_ALARM, self._look)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if _ALARM in self._earlier:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._earlier.items():
            signal.signal(number, handler)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Marks that the body only waits for data, so that it may be given up."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            return  # a loader process, which Ctrl-C reaches too: it ends with this one
        self._reason = signal.Signals(number).name
        self._stopping.request(self._reason, complete=False)
        if _ALARM in self._earlier:
            for one in SIGNALS:
                signal.signal(one, signal.SIG_IGN)
            self._end = time.monotonic() + self._patience
            signal.setitimer(signal.ITIMER_REAL, self._repeat, 1)
        else:
            self._heed()
        # Not by `print`, which the signal may have interrupted.
        text = f"{self._reason}: the training stops after this step and is saved; a second signal ends it at once\n"
        os.write(2, text.encode())

    def _look(self, number: int, frame: FrameType | None) -> None:
        self._heed()
        if self._waits and time.monotonic() >= self._end:
            raise TrainingStopped(f"stopped by {self._reason} while waiting for data", self._reason == "SIGINT")

    def _heed(self) -> None:
        """Lets a further signal end the process."""
        for one in SIGNALS:  # SIGTERM must end a process that does not get back to Python
            signal.signal(one, self._earlier[one] if one == signal.SIGINT else signal.SIG_DFL)
