"""Metrics as tables and as JSON."""

import csv
import json
import math
from io import StringIO

from rich.console import Console

from segkit.evaluation.tables import class_table, comparable, summary, summary_table, write_evaluation, write_metrics
from segkit.types import Metrics

METRICS = {
    "mean_iou": Metrics({"mean_iou": 0.5, "accuracy": 0.75}, {"iou": {"sky": 0.5, "car": math.nan}}),
    "acme": Metrics({"accuracy": math.nan}, {"score": {"sky": 0.25, "car": 1.0}}),
}


def test_summary_names_are_unique():
    assert list(summary(METRICS)) == ["mean_iou", "mean_iou.accuracy", "acme.accuracy"]
    assert list(summary({"mean_iou": METRICS["mean_iou"]})) == ["mean_iou", "accuracy"]


def test_a_metric_that_is_better_when_lower_is_compared_negated():
    metrics = Metrics({"errors": 7.0, "rate": 0.5, "lost": math.nan}, {}, lower_is_better=frozenset({"errors", "lost"}))
    assert comparable({"acme": metrics}) == {"errors": -7.0, "rate": 0.5, "lost": -math.inf}
    named = comparable({"acme": metrics, "other": Metrics({"errors": 0.25}, {})})
    assert (named["acme.errors"], named["other.errors"]) == (-7.0, 0.25)


def test_tables():
    console = Console(file=StringIO(), width=60)
    console.print(class_table(METRICS))
    console.print(summary_table(METRICS))
    lines = [line.replace("│", " ").split() for line in console.file.getvalue().splitlines()]

    assert ["sky", "0.500", "0.250"] in lines
    assert ["car", "-", "1.000"] in lines
    assert ["mean_iou.accuracy", "0.750"] in lines
    assert ["acme.accuracy", "-"] in lines


def test_the_table_of_classes_shows_three_metrics_of_each_evaluator():
    metrics = Metrics({}, {f"metric{number}": {"sky": number / 10} for number in range(1, 6)})
    assert [column.header for column in class_table({"a": metrics, "b": metrics}).columns] == [
        "class",
        *(f"metric{number}" for number in (1, 2, 3)),
        *(f"metric{number}" for number in (1, 2, 3)),
    ]


def test_metrics_as_json(tmp_path):
    write_metrics(tmp_path / "evaluation" / "metrics.json", METRICS)

    assert json.loads((tmp_path / "evaluation" / "metrics.json").read_text()) == {
        "mean_iou": {
            "values": {"mean_iou": 0.5, "accuracy": 0.75},
            "per_class": {"iou": {"sky": 0.5, "car": None}},
        },
        "acme": {"values": {"accuracy": None}, "per_class": {"score": {"sky": 0.25, "car": 1.0}}},
    }
    assert [path.name for path in (tmp_path / "evaluation").iterdir()] == ["metrics.json"]


def test_a_confusion_matrix_is_a_table_beside_the_metrics(tmp_path):
    matrix = {"sky": {"sky": 3, "a, b": 1}, "a, b": {"sky": 0, "a, b": 5}}

    write_evaluation(tmp_path, {**METRICS, "mean_iou": Metrics({"mean_iou": 0.5}, {}, confusion_matrix=matrix)})

    assert {path.name for path in tmp_path.iterdir()} == {"metrics.json", "mean_iou_confusion_matrix.csv"}
    with (tmp_path / "mean_iou_confusion_matrix.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["target", "sky", "a, b"], ["sky", "3", "1"], ["a, b", "0", "5"]]
