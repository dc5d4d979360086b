"""Measures time and memory of two workloads without favoring either."""

import gc
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from segkit.errors import SegkitError
from segkit.runtime.allocation import release_freed_memory

LEAST_SECONDS = 0.1
"""Shorter work is repeated until one measurement takes about this long."""
WARM_UPS = 2

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Times:
    """Seconds per call, in pairs that were measured directly after each other."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.theirs)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest ratio of a pair."""
        ratios = [own / other for own, other in zip(self.ours, self.theirs, strict=True)]
        return min(ratios), max(ratios)


def alternately(
    ours: Callable[[int], float], theirs: Callable[[int], float], repeats: int, warm_ups: int = WARM_UPS
) -> Times:
    """Measures both sides `repeats` times in turns, so that a change in the machine's speed affects both.

    Each side begins every second pair.

    Args:
        ours: Takes a number of calls and returns the seconds per call.
        theirs: The same for the other side.
    """
    longest = 0.0
    for _ in range(warm_ups):
        longest = max(ours(1), theirs(1))
    calls = math.ceil(LEAST_SECONDS / longest) if 0 < longest < LEAST_SECONDS else 1
    taken: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats):
        for side in (0, 1) if repeat % 2 == 0 else (1, 0):
            taken[side].append((ours, theirs)[side](calls))
    return Times(*taken)


def seconds(work: Callable[[], Any], calls: int, device: torch.device) -> float:
    """Returns the seconds per call, until the device has finished."""
    synchronize(device)
    start = time.perf_counter()
    for _ in range(calls):
        work()
    synchronize(device)
    return (time.perf_counter() - start) / calls


def synchronize(device: torch.device) -> None:
    """Waits until a GPU has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def memory_growth(work: Callable[[], Any], device: torch.device) -> int | None:
    """Returns the peak memory of `work` in bytes, beyond what was held before, of the GPU or of the process.

    Returns None if the system does not report it; Linux does.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    release_freed_memory()
    before_ = _resident("VmRSS")
    if before_ is None or not _forget_peak():
        return None
    work()
    peak = _resident("VmHWM")
    return None if peak is None else max(0, peak - before_)


def _resident(field: str) -> int | None:
    """Returns a size of this process in bytes: `VmRSS` is the present one, `VmHWM` the peak."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


def _forget_peak() -> bool:
    """Resets the peak to the present size; returns False if the system refuses."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


class FreshProcess:
    """A new process that calls functions one after the other; it ends with the `with` block."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))

    def call(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Calls a function there and returns its result.

        Raises:
            SegkitError: The system ended the process. Errors of the function are raised as they are.
        """
        try:
            return self._pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise SegkitError("the system ended the process, probably because memory ran out") from None

    def __enter__(self) -> "FreshProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


def peak_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Returns the operations per second of a large matrix product: about the most this machine can do."""
    side = 2048 if device.type == "cpu" else 8192
    one, other = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    best = min(seconds(lambda: one @ other, 1, device) for _ in range(10))
    return 2 * side**3 / best
