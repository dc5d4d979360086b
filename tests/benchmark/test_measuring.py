"""Timing and memory of fake work; how long anything takes is not asserted."""

import os

import numpy as np
import pytest
import torch

from segkit.benchmark.measuring import Times, alternately, in_fresh_process, memory_growth, peak_rate
from segkit.errors import SegkitError

CPU = torch.device("cpu")


def test_ratio_and_spread():
    times = Times(ours=[1.0, 2.0, 6.0], theirs=[4.0, 4.0, 6.0])
    assert times.ratio == 0.5
    assert times.spread == (0.25, 1.0)


def test_sides_take_turns_and_change_who_begins(monkeypatch):
    monkeypatch.setattr("segkit.benchmark.measuring.LEAST_SECONDS", 0.0)
    calls = []
    times = alternately(lambda: calls.append("o"), lambda: calls.append("t"), 3, CPU, warm_ups=1)
    assert "".join(calls) == "ot" + "ot" + "to" + "ot"
    assert len(times.ours) == len(times.theirs) == 3


def test_quick_work_is_repeated_within_a_measurement():
    calls = []
    alternately(lambda: calls.append("o"), lambda: calls.append("t"), 1, CPU)
    assert calls.count("o") == calls.count("t") > 1000


def test_memory_is_that_of_the_worst_moment():
    def work():
        np.ones(400_000_000, dtype=np.uint8)
        np.ones(100_000_000, dtype=np.uint8)

    grown = memory_growth(work, CPU)
    if grown is None:
        pytest.skip("this system does not tell the largest size of a process")
    assert 300e6 < grown < 450e6  # the system may take back some of what the process had before


def test_a_process_of_its_own():
    assert in_fresh_process(os.getpid) != os.getpid()


def test_a_process_that_is_ended():
    with pytest.raises(SegkitError) as caught:
        in_fresh_process(os.abort)
    assert str(caught.value) == "the process was ended by the system, most likely for want of memory"


def test_the_rate_of_matrix_products_is_the_best(monkeypatch):
    taken = iter([4.0, 2.0, *[3.0] * 8])
    monkeypatch.setattr("segkit.benchmark.measuring.seconds", lambda work, calls, device: next(taken))
    monkeypatch.setattr("torch.randn", lambda *sides, device: torch.ones(1, 1))
    assert peak_rate(CPU, torch.float32) == 2 * 2048**3 / 2.0
