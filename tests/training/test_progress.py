"""The output of a training: lines on the console, metrics.jsonl."""

import json
import math
import re

import pytest
from accelerate import Accelerator

from segkit.training.progress import Meter, Reporter
from segkit.types import Metrics


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
    assert capsys.readouterr().out == (
        "step 50/100 | total 2.500 (weighted, all layers) | last layer, unweighted: dice 0.250 | 12.3 images/s | "
        "0:01:40 left\n"
    )


def test_a_terminal_breaks_lines_between_words_and_leaves_paths_whole(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    path = "/" + 90 * "x"
    with Reporter(1, active=True) as reporter:
        reporter.print(f"data.train: {'word ' * 30}{path}\nsecond")
    shown = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", capsys.readouterr().out).splitlines()
    lines = [line for line in shown if "word" in line or path in line or line == "second"]
    assert lines == [f"data.train:{' word' * 13}", f"  {' '.join(['word'] * 15)}", "  word word", f"  {path}", "second"]


METRICS = {
    "mean_iou": Metrics({"mean_iou": 0.5, "pixel_accuracy": 0.75}, {"iou": {"sky": 0.25, "sea": math.nan}}),
    "panoptic_quality": Metrics({"pq": 0.25}, {"pq": {"sky": 0.125}}),
}


def test_an_evaluation_is_a_line_and_tables_come_at_the_end(capsys, reporter):
    reporter.show_evaluation("step 3", METRICS)
    assert capsys.readouterr().out == "step 3: mean_iou 0.5000, pixel_accuracy 0.7500, pq 0.2500\n"
    reporter.show_tables(METRICS)
    shown = capsys.readouterr().out
    assert ("per class" in shown, "all classes" in shown) == (True, True)
    assert reporter.logged(METRICS) == {"evaluation": {"mean_iou": 0.5, "pixel_accuracy": 0.75, "pq": 0.25}}


def test_classes_may_be_shown_and_logged_after_each_evaluation(capsys):
    with Reporter(4, log_classes=True) as reporter:
        reporter.show_evaluation("step 3", METRICS)
        assert "0.125" in capsys.readouterr().out
        reporter.show_tables(METRICS)
        assert "per class" not in capsys.readouterr().out
    assert reporter.logged(METRICS)["per_class"]["panoptic_quality"] == {"pq": {"sky": 0.125}}


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


def test_a_meter_counts_images_and_waiting():
    clock = iter([0.0, 1.0, 4.0, 5.0])

    class Three:
        files = ("a", "b", "c")

    meter = Meter(lambda: next(clock))
    assert isinstance(meter.next_of(iter([Three()])), Three)
    assert (meter.images, meter.waited) == (3, 3.0)
    rates = meter.rates(Accelerator(cpu=True))
    assert (rates["images_per_second"], rates["waiting_for_data"]) == (0.6, 0.6)
