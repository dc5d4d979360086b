"""What a training tells: lines on the console, metrics.jsonl, TensorBoard."""

import json
import math

import pytest

from segkit.training import progress
from segkit.training.progress import Meter, Reporter


@pytest.fixture
def reporter(tmp_path):
    with Reporter(tmp_path, tmp_path / "metrics.jsonl", steps=100, start=20, active=True) as one:
        yield one


def test_a_line_of_the_log_per_call(reporter, tmp_path):
    reporter.log(1, {"losses": {"total": 2.5}, "learning_rate": 1e-3})
    reporter.log(2, {"evaluation": {"mean_iou": 0.5}})
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 1, "losses": {"total": 2.5}, "learning_rate": 1e-3},
        {"step": 2, "evaluation": {"mean_iou": 0.5}},
    ]


def test_what_could_not_be_measured_is_null(reporter, tmp_path):
    """JSON has no nan."""
    reporter.log(1, {"evaluation": {"ap_large": math.nan, "ap": 0.5}})
    line = (tmp_path / "metrics.jsonl").read_text()
    assert json.loads(line, parse_constant=pytest.fail)["evaluation"] == {"ap_large": None, "ap": 0.5}


def test_without_a_terminal_there_are_lines(reporter, capsys, monkeypatch):
    monkeypatch.setattr(reporter, "_clock", lambda: reporter._started + 60.0)
    reporter.advance(50)
    reporter.show_step(50, {"total": 2.5, "dice": 0.25, "dice/0": 1.0}, 12.34)
    assert capsys.readouterr().out == "step 50/100 | total 2.500 dice 0.250 | 12.3 images/s | 0:01:40 left\n"


def test_long_lines_are_not_broken(reporter, capsys):
    reporter.say("x" * 300)
    assert capsys.readouterr().out == "x" * 300 + "\n"


def test_other_processes_are_silent(tmp_path, capsys):
    with Reporter(tmp_path, tmp_path / "metrics.jsonl", steps=4, start=0, active=False) as silent:
        silent.say("hello")
        silent.log(1, {"losses": {"total": 1.0}})
        silent.show_step(1, {"total": 1.0}, 1.0)
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_gets_every_number(tmp_path, monkeypatch):
    written, closed = [], []

    class Writer:
        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def close(self):
            closed.append(True)

    monkeypatch.setattr(progress, "_tensorboard", lambda path: Writer())
    with Reporter(tmp_path, tmp_path / "metrics.jsonl", steps=4, start=0, active=True) as reporter:
        reporter.log(3, {"losses": {"total": 2.5, "dice/0": 1.0}, "learning_rate": 1e-3})
    assert written == [("losses/total", 2.5, 3), ("losses/dice/0", 1.0, 3), ("learning_rate", 1e-3, 3)]
    assert closed == [True]


def test_a_meter_counts_images_and_waiting(monkeypatch):
    clock = iter([0.0, 1.0, 4.0, 5.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))

    class Three:
        files = ("a", "b", "c")

    meter = Meter()
    assert isinstance(meter.timed(iter([Three()])), Three)
    assert (meter.images, meter.waited, meter.seconds) == (3, 3.0, 5.0)
