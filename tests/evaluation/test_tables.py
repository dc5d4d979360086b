"""Metrics as tables and as JSON."""

import csv
import json
import math
from io import StringIO

from rich.console import Console

from segkit.evaluation.tables import (
    class_tables,
    comparable,
    summary,
    summary_line,
    summary_table,
    write_evaluation,
    write_metrics,
)
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
    for table in class_tables(METRICS, console.width):
        console.print(table)
    console.print(summary_table(METRICS))
    lines = [line.replace("│", " ").split() for line in console.file.getvalue().splitlines()]

    assert ["sky", "0.500", "0.250"] in lines
    assert ["car", "-", "1.000"] in lines
    assert ["mean_iou.accuracy", "0.750"] in lines
    assert ["acme.accuracy", "-"] in lines


def test_the_table_of_classes_shows_three_metrics_of_each_evaluator():
    metrics = Metrics({}, {f"metric{number}": {"sky": number / 10} for number in range(1, 6)})
    (table,) = class_tables({"a": metrics, "b": metrics}, width=80)
    assert [column.header for column in table.columns] == ["class", *2 * ["metric1", "metric2", "metric3"]]


def test_evaluators_that_do_not_fit_beside_each_other_have_tables_of_their_own():
    names = ["sky", "a class with a name that is longer than most of a line, as some data have it", "car"]
    columns = {
        "mean_iou": ["iou", "accuracy"],
        "boundary_iou": ["boundary_iou"],
        "average_precision": ["ap", "ap50", "ap75"],
        "boundary_average_precision": ["boundary_ap", "boundary_ap50", "boundary_ap75"],
        "panoptic_quality": ["pq", "sq", "rq"],
        "pq_st": ["pq_st", "sq_st", "rq_st"],
        "counts_images": [],
    }
    metrics = {
        evaluator: Metrics({}, {one: dict.fromkeys(names, 0.5) for one in own}) for evaluator, own in columns.items()
    }
    console = Console(file=StringIO(), width=80)
    tables = class_tables(metrics, console.width)
    for table in tables:
        console.print(table)

    assert [str(table.title) for table in tables] == [
        "per class: mean_iou, boundary_iou",
        "per class: average_precision",
        "per class: boundary_average_precision",
        "per class: panoptic_quality",
        "per class: pq_st",
    ]
    printed = console.file.getvalue()
    assert max(map(len, printed.splitlines())) <= 80
    words = printed.replace("│", " ").replace("┃", " ").split()
    # No name of a metric is broken, and no value is cut off.
    assert {name for own in columns.values() for name in own} <= set(words)
    assert words.count("0.500") == len(names) * sum(map(len, columns.values()))
    assert [len(class_tables(metrics, width=300)), class_tables({"acme": Metrics({"score": 0.5}, {})}, 80)] == [1, []]


def test_what_was_not_measured_is_a_dash_in_lines_as_in_tables():
    assert summary_line(METRICS) == "mean_iou 0.5000, mean_iou.accuracy 0.7500, acme.accuracy -"


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

    assert {path.name for path in tmp_path.iterdir()} == {"SHA256SUMS", "metrics.json", "mean_iou_confusion_matrix.csv"}
    with (tmp_path / "mean_iou_confusion_matrix.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["target", "sky", "a, b"], ["sky", "3", "1"], ["a, b", "0", "5"]]
