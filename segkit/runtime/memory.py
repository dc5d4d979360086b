"""The memory that a computation takes: of the GPU, or of this process on a CPU."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

from segkit.runtime.allocation import release_freed_memory
from segkit.runtime.memory_limit import memory_left

_INTERVAL = 0.002
"""Seconds between two looks at the size of this process."""


@dataclass
class PeakMemory:
    """The most memory that was in use at a time."""

    bytes: int = 0
    """On a GPU, of all tensors; on a CPU, of the whole process."""


@contextmanager
def peak_memory(device: torch.device) -> Iterator[PeakMemory]:
    """Measures the most memory in use within the block.

    On a CPU, the system is asked for the size of this process every 2 ms, so that shorter peaks are missed.

    Args:
        device: Where the computation runs.

    Example:
        >>> with peak_memory(torch.device("cpu")) as peak:
        ...     ones = torch.ones(10_000_000)
        >>> peak.bytes >= ones.nbytes
        True
    """
    peak = PeakMemory()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak.bytes = torch.cuda.max_memory_allocated(device)
        return
    release_freed_memory()
    own, done = psutil.Process(), threading.Event()

    def look() -> None:
        peak.bytes = max(peak.bytes, own.memory_info().rss)

    def watch() -> None:
        while not done.wait(_INTERVAL):
            look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
        look()


def memory_to_use(device: torch.device) -> int:
    """Returns how many bytes this process could have in use on a device, with what it has already.

    Example:
        >>> memory_to_use(torch.device("cpu")) > psutil.Process().memory_info().rss
        True
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device))
    return memory_left() + int(psutil.Process().memory_info().rss)
