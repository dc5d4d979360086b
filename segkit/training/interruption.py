"""Stopping a training from outside without losing it."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

import torch
from accelerate import Accelerator

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what schedulers send before they take a machine away."""


class Interruption:
    """Inside this context the first such signal asks for a stop after the running step; a second one ends at once."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def asked(self) -> bool:
        """Whether any process was told to stop; every process must ask at the same point."""
        if self._accelerator.num_processes == 1:
            return self._asked
        told = torch.tensor(float(self._asked), device=self._accelerator.device)
        return bool(self._accelerator.reduce(told, "sum") > 0)
