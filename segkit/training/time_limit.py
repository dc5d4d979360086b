"""Stops a training before the time of its job is over."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from segkit.training.stopping import Stopping

Work = Literal["step", "evaluation", "save"]

SAVE_FACTOR = 1.5
"""The last checkpoint may take so many times as long as the longest one before: other jobs use the same disk."""


class TimeLimit:
    """Measures how long steps, evaluations and checkpoints take, and stops while there is room for a checkpoint.

    Args:
        seconds: From now to the end of the training.
        clock: Returns the time in seconds.

    Example:
        >>> from accelerate import Accelerator
        >>> times = iter([0, 1, 4, 5])
        >>> limit, stopping = TimeLimit(10, clock=lambda: next(times)), Stopping(Accelerator(cpu=True))
        >>> with limit.measured("save"):
        ...     pass  # 3 seconds
        >>> limit.check(stopping)
        >>> stopping.agreed()
    """

    def __init__(self, seconds: float = math.inf, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._longest: dict[Work, float] = {}

    @contextmanager
    def measured(self, work: Work) -> Iterator[None]:
        """Measures the work of the body."""
        started = self._clock()
        yield
        self._longest[work] = max(self._longest.get(work, 0), self._clock() - started)

    @property
    def needs_save(self) -> bool:
        """Whether a checkpoint must be written to learn how long that takes."""
        return self._end < math.inf and "save" not in self._longest

    def check(self, stopping: Stopping, evaluations: int = 0) -> None:
        """Requests a stop if there is no room for a step and a checkpoint, each as long as the longest so far.

        Args:
            stopping: Where the stop is requested.
            evaluations: How many follow on the step. The last step may have two, of its weights and the best ones.
        """
        longest = self._longest
        needed = longest.get("step", 0) + evaluations * longest.get("evaluation", 0)
        if self._clock() + needed + SAVE_FACTOR * longest.get("save", 0) > self._end:
            stopping.request("--max-time", complete=False)
