"""The output of a training: lines on the console, metrics.jsonl, TensorBoard."""

import json
import math
import sys

import pytest

from segkit.errors import ConfigError
from segkit.training.progress import Meter, Reporter, tensorboard_writer


@pytest.fixture
def reporter(tmp_path):
    with Reporter(100, start=20, metrics_file=tmp_path / "metrics.jsonl") as one:
        yield one


def test_a_line_of_the_log_per_call(reporter, tmp_path):
    reporter.log(1, {"losses": {"total": 2.5}, "learning_rate": 1e-3})
    reporter.log(2, {"evaluation": {"mean_iou": 0.5}})
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 1, "losses": {"total": 2.5}, "learning_rate": 1e-3},
        {"step": 2, "evaluation": {"mean_iou": 0.5}},
    ]


def test_nan_becomes_null(reporter, tmp_path):
    """JSON has no nan."""
    reporter.log(1, {"evaluation": {"ap_large": math.nan, "ap": 0.5}})
    line = (tmp_path / "metrics.jsonl").read_text()
    assert json.loads(line, parse_constant=pytest.fail)["evaluation"] == {"ap_large": None, "ap": 0.5}


def test_without_a_terminal_there_are_lines(capsys):
    clock = iter([0.0, 0.0, 60.0])
    with Reporter(100, start=20, clock=lambda: next(clock)) as reporter:
        reporter.advance(50)
        reporter.show_step(50, {"total": 2.5, "dice": 0.25, "dice/0": 1.0}, 12.34)
    assert capsys.readouterr().out == "step 50/100 | total 2.500 dice 0.250 | 12.3 images/s | 0:01:40 left\n"


def test_long_lines_are_not_broken(reporter, capsys):
    reporter.print("x" * 300)
    assert capsys.readouterr().out == "x" * 300 + "\n"


def test_brackets_are_text(reporter, capsys):
    reporter.print("classes: [red, object]")
    assert capsys.readouterr().out == "classes: [red, object]\n"


def test_other_processes_are_silent(tmp_path, capsys):
    with Reporter(4, metrics_file=tmp_path / "metrics.jsonl", active=False) as silent:
        silent.print("hello")
        silent.log(1, {"losses": {"total": 1.0}})
        silent.show_step(1, {"total": 1.0}, 1.0)
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_gets_every_number():
    written, closed = [], []

    class Writer:
        def add_scalar(self, tag, scalar_value, global_step):
            written.append((tag, scalar_value, global_step))

        def close(self):
            closed.append(True)

    with Reporter(4, scalars=Writer()) as reporter:
        reporter.log(3, {"losses": {"total": 2.5, "dice/0": 1.0}, "learning_rate": 1e-3})
    assert written == [("losses/total", 2.5, 3), ("losses/dice/0", 1.0, 3), ("learning_rate", 1e-3, 3)]
    assert closed == [True]


def test_a_missing_tensorboard_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError) as caught:
        tensorboard_writer(tmp_path, "x.yaml:3")
    assert str(caught.value) == (
        "x.yaml:3: training.tensorboard: the package 'tensorboard' is not installed. Install it "
        "(pip install tensorboard), or set training.tensorboard to false."
    )


def test_tensorboard_writes_event_files(tmp_path):
    pytest.importorskip("tensorboard")
    with Reporter(4, scalars=tensorboard_writer(tmp_path / "events", "x.yaml:3")) as reporter:
        reporter.log(3, {"losses": {"total": 2.5}})
    assert len(list((tmp_path / "events").iterdir())) == 1


def test_a_meter_counts_images_and_waiting():
    clock = iter([0.0, 1.0, 4.0, 5.0])

    class Three:
        files = ("a", "b", "c")

    meter = Meter(lambda: next(clock))
    assert isinstance(meter.next_of(iter([Three()])), Three)
    assert (meter.images, meter.waited, meter.seconds) == (3, 3.0, 5.0)
