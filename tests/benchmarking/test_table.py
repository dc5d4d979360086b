"""Outcomes as Markdown."""

from benchmarking.comparing import Outcome
from benchmarking.measuring import Times
from benchmarking.table import comparison, duration, rates, size

GOOD = Outcome(
    "training",
    "training step",
    goal=0.5,
    memory_goal=0.5,
    times=Times([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]),
    our_memory=1_500_000_000,
    their_memory=2_000_000_000,
    images=2,
    operations=8_000_000_000,
    peak_rate=10e9,
)
SMALL = Outcome("small", "small work", None, None, times=Times([0.001], [0.01]), our_memory=None, their_memory=5)
WRONG = Outcome("wrong", "wrong work", 0.5, None, error="1 is not 2")


def test_the_comparison():
    assert comparison([GOOD, SMALL, WRONG], "peer 1.0") == (
        "| work | segkit | peer 1.0 | ratio | spread | goal | memory | peer 1.0's | ratio | goal |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| training step | 2.00 s | 5.00 s | 0.40 | 0.25–0.50 | met: 0.5 | 1.50 GB | 2.00 GB | 0.75 | missed: 0.5 |\n"
        "| small work | 1 ms | 10 ms | 0.10 | 0.10–0.10 | – | – | 0 MB | – | – |\n"
        "| wrong work | outputs differ | – | – | – | – | – | – | – | – |"
    )


def test_the_rates():
    assert rates([GOOD, SMALL, WRONG], "peer 1.0") == (
        "| work | images/s | peer 1.0's | GFLOP/s | matrix product | fraction |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| training step | 1.00 | 0.40 | 4 | 10 | 40% |"
    )
    assert rates([SMALL, WRONG], "peer 1.0") == ""


def test_durations_and_sizes():
    assert [duration(seconds) for seconds in (12.346, 0.12345, 0.0000123)] == ["12.35 s", "123 ms", "0.0123 ms"]
    assert [size(count) for count in (None, 0, 12_600_000, 2_345_000_000)] == ["–", "0 MB", "13 MB", "2.35 GB"]
