"""Asks for the end of a training when the process receives a signal."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from segkit.training.stopping import Stopping

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what job schedulers send before they end a job."""

Handler = Callable[[int, FrameType | None], object] | int | None
"""What `signal.signal` takes and returns."""


class Interruption:
    """Context manager: the first signal requests a stop, a second one ends the process at once.

    Args:
        stopping: Where the stop is requested.
    """

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping
        self._earlier: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> "Interruption":
        # Python allows signal handlers in the main thread only.
        if threading.current_thread() is threading.main_thread():
            self._earlier = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._stopping.request("a signal", complete=False)
        self._restore()  # so that a second signal has its usual effect

    def _restore(self) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
