"""Time and memory of two pieces of work, measured so that neither is favoured."""

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
"""Quicker work is repeated until one measurement takes about as long."""
WARM_UPS = 2

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Times:
    """Seconds per call, of pairs measured one right after the other."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.theirs)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the largest ratio of any pair."""
        ratios = [own / other for own, other in zip(self.ours, self.theirs, strict=True)]
        return min(ratios), max(ratios)


def alternately(
    ours: Callable[[int], float], theirs: Callable[[int], float], repeats: int, warm_ups: int = WARM_UPS
) -> Times:
    """Each side `repeats` times, in turns, the side that begins changing, so that a machine that grows slower or faster
    meanwhile does so for both. A side is given a number of calls, and gives the seconds per call."""
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
    """Per call, until the device is done."""
    synchronize(device)
    start = time.perf_counter()
    for _ in range(calls):
        work()
    synchronize(device)
    return (time.perf_counter() - start) / calls


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def memory_growth(work: Callable[[], Any], device: torch.device) -> int | None:
    """Bytes held at the worst moment of `work` beyond those held before: of the GPU, or of the process. None where the
    system does not tell (it does on Linux)."""
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
    """Bytes: `VmRSS` now, `VmHWM` at the most so far."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


def _forget_peak() -> bool:
    """Makes the largest size so far the present one. False where the system does not let us."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


class FreshProcess:
    """A new process that calls functions of modules one after the other; a context that ends with it."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))

    def call(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Raises what the function raises, and SegkitError where the system has ended the process."""
        try:
            return self._pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise SegkitError("the process was ended by the system, most likely for want of memory") from None

    def __enter__(self) -> "FreshProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


def peak_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of a large matrix product: the most that this machine does at once."""
    side = 2048 if device.type == "cpu" else 8192
    one, other = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    best = min(seconds(lambda: one @ other, 1, device) for _ in range(10))
    return 2 * side**3 / best
