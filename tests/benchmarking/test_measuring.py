"""Timing and memory of fake work; how long anything takes is not asserted."""

import os

import numpy as np
import pytest
import torch
from benchmarking.measuring import FreshProcess, Times, alternately, memory_growth, peak_rate

from segkit.errors import SegkitError

CPU = torch.device("cpu")


def test_ratio_and_spread():
    times = Times(ours=[1.0, 2.0, 6.0], theirs=[4.0, 4.0, 6.0])
    assert times.ratio == 0.5
    assert times.spread == (0.25, 1.0)


def _noted(name, sides):
    """A side that takes a fiftieth of a second per call, and notes the calls."""

    def side(calls):
        sides.append((name, calls))
        return 0.02

    return side


def test_sides_take_turns_and_change_who_begins():
    sides = []
    times = alternately(_noted("o", sides), _noted("t", sides), 3, warm_ups=1)
    assert [name for name, _ in sides] == list("ot" + "ot" + "to" + "ot")
    assert (times.ours, times.theirs) == ([0.02] * 3, [0.02] * 3)


def test_quick_work_is_repeated_within_a_measurement():
    sides = []
    alternately(_noted("o", sides), _noted("t", sides), 1, warm_ups=2)
    assert [calls for _, calls in sides] == [1, 1, 1, 1, 5, 5]


def _grown():
    def work():
        np.ones(400_000_000, dtype=np.uint8)
        np.ones(100_000_000, dtype=np.uint8)

    return memory_growth(work, CPU)


def test_memory_is_that_of_the_worst_moment():
    """In a process whose allocator no other test has set."""
    with FreshProcess() as process:
        grown = process.call(_grown)
    if grown is None:
        pytest.skip("this system does not tell the largest size of a process")
    assert 300e6 < grown < 450e6  # the system may take back some of what the process had before


def test_a_process_of_its_own():
    with FreshProcess() as process:
        assert process.call(os.getpid) == process.call(os.getpid) != os.getpid()


def test_a_process_that_is_ended():
    with FreshProcess() as process, pytest.raises(SegkitError) as caught:
        process.call(os.abort)
    assert str(caught.value) == "the system ended the process, probably because memory ran out"


def test_the_rate_of_matrix_products_is_the_best(monkeypatch):
    taken = iter([4.0, 2.0, *[3.0] * 8])
    monkeypatch.setattr("benchmarking.measuring.seconds", lambda work, calls, device: next(taken))
    monkeypatch.setattr("torch.randn", lambda *sides, device: torch.ones(1, 1))
    assert peak_rate(CPU, torch.float32) == 2 * 2048**3 / 2.0
