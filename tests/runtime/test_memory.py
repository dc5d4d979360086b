"""Peaks of memory on a CPU."""

import time

import pytest
import torch

from segkit.runtime.memory import memory_to_use, peak_memory

CPU = torch.device("cpu")
MEGABYTES = 200


def test_memory_that_is_freed_again_counts():
    with peak_memory(CPU) as before:
        pass
    with peak_memory(CPU) as peak:
        ones = torch.ones(MEGABYTES, 1_000_000, dtype=torch.uint8)
        time.sleep(0.1)  # long enough to be seen
        del ones
    assert peak.bytes - before.bytes > 0.8 * MEGABYTES * 1e6


def test_the_watcher_ends_with_an_error():
    import threading

    threads = threading.active_count()
    with pytest.raises(ValueError, match="mine"), peak_memory(CPU):
        raise ValueError("mine")
    assert threading.active_count() == threads


def test_what_is_in_use_can_be_used():
    with peak_memory(CPU) as peak:
        pass
    assert memory_to_use(CPU) > peak.bytes


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu():
    device = torch.device("cuda", torch.cuda.current_device())
    with peak_memory(device) as peak:
        torch.ones(MEGABYTES, 1_000_000, dtype=torch.uint8, device=device)
    assert MEGABYTES * 1e6 <= peak.bytes < memory_to_use(device)
