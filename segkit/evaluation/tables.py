"""Metrics as tables for the console and as files."""

import csv
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from rich.cells import cell_len
from rich.table import Table

from segkit.runtime.integrity import guard, require_intact_folder, unguard
from segkit.runtime.writing import Json, replace_file, without_nan
from segkit.types import Metrics

CONFUSION_SUFFIX = "_confusion_matrix.csv"
"""What follows the evaluator's name in the name of the file of its confusion matrix."""

METRICS_FILE = "metrics.json"
"""In the folder of an evaluation."""

DATA_FILE = "data_summary.json"
"""What the evaluated data hold, beside the metrics."""

SHOWN_METRICS = 6
"""Summary metrics in one line."""


def summary(metrics: Mapping[str, Metrics]) -> dict[str, float]:
    """Returns the summary metrics of all evaluators in one dict, in order.

    A name that several evaluators use is given as `<evaluator>.<name>`.

    Example:
        >>> summary({"mean_iou": Metrics({"mean_iou": 0.5}, {})})
        {'mean_iou': 0.5}
    """
    uses = Counter(name for one in metrics.values() for name in one.values)
    return {
        name if uses[name] == 1 else f"{evaluator}.{name}": value
        for evaluator, one in metrics.items()
        for name, value in one.values.items()
    }


def comparable(metrics: Mapping[str, Metrics]) -> dict[str, float]:
    """Returns the summary metrics, under the names of `summary`, as values of which the greater one is better.

    Metrics that are better when lower are negated; nan, which is never better, is -inf.

    Example:
        >>> errors = Metrics({"errors": 3.0}, {}, unbounded={"errors"}, lower_is_better={"errors"})
        >>> comparable({"acme": errors, "mean_iou": Metrics({"mean_iou": math.nan}, {})})
        {'errors': -3.0, 'mean_iou': -inf}
    """
    lower = [name in one.lower_is_better for one in metrics.values() for name in one.values]
    return {
        name: -math.inf if math.isnan(value) else -value if is_lower else value
        for (name, value), is_lower in zip(summary(metrics).items(), lower, strict=True)
    }


def summary_line(metrics: Mapping[str, Metrics], most: int = SHOWN_METRICS) -> str:
    """Returns the first summary metrics of each evaluator in one line, equally many of all.

    Args:
        metrics: By evaluator.
        most: How many in all, but at least one of each evaluator.

    Example:
        >>> mean_iou = Metrics({"mean_iou": 0.5, "pixel_accuracy": 0.75}, {})
        >>> summary_line({"mean_iou": mean_iou, "panoptic_quality": Metrics({"pq": 0.25, "sq": 0.5}, {})}, most=2)
        'mean_iou 0.5000, pq 0.2500'
    """
    values = iter(summary(metrics).items())
    shown = []
    for one in metrics.values():
        own = list(islice(values, len(one.values)))
        shown += own[: max(1, most // len(metrics))]
    return ", ".join(f"{name} {in_digits(value)}" for name, value in shown)


def summary_table(metrics: Mapping[str, Metrics]) -> Table:
    """Makes a table of the summary metrics, one per row."""
    table = Table("metric", title="all classes")
    table.add_column("value", justify="right")
    for name, value in summary(metrics).items():
        table.add_row(name, _cell(value))
    return table


SHOWN_PER_CLASS = 3
"""Metrics of each evaluator in the tables of classes: more do not fit a console. The file holds all."""

_MOST_NAME = 30
"""Letters of a class name in one line. The rest of a longer one follows below it."""


def class_tables(metrics: Mapping[str, Metrics], width: int) -> list[Table]:
    """Makes tables of the main per-class metrics: one row per class, one column per metric; `-` means NaN.

    Args:
        metrics: By evaluator.
        width: Letters of a line. Evaluators that do not fit beside each other have tables of their own.
    """
    columns = {
        evaluator: list(one.per_class.items())[:SHOWN_PER_CLASS] for evaluator, one in metrics.items() if one.per_class
    }
    return [_class_table({evaluator: columns[evaluator] for evaluator in block}) for block in _blocks(columns, width)]


_Column = tuple[str, Mapping[str, float]]
"""Name of a metric, and its value by class."""


def _blocks(columns: Mapping[str, Sequence[_Column]], width: int) -> list[list[str]]:
    """Divides evaluators into those whose columns fit beside each other."""
    blocks: list[list[str]] = []
    names = {name for own in columns.values() for _, values in own for name in values}
    left = without_columns = width - _width("class", *names, most=_MOST_NAME) - 1
    for evaluator, own in columns.items():
        needed = sum(_width(column, *map(_cell, values.values())) for column, values in own)
        if not blocks or needed > left:
            blocks.append([])
            left = without_columns
        blocks[-1].append(evaluator)
        left -= needed
    return blocks


def _width(*cells: str, most: int | None = None) -> int:
    """Returns the letters that a column takes: its longest cell, a space at both sides and a line."""
    longest = max(map(cell_len, cells))
    return (longest if most is None else min(longest, most)) + 3


def _class_table(columns: Mapping[str, Sequence[_Column]]) -> Table:
    table = Table("class", title=f"per class: {', '.join(columns)}")
    every = [column for own in columns.values() for column in own]
    for column, _ in every:
        table.add_column(column, justify="right", no_wrap=True)
    # Each evaluator has columns of its own. A class gets one row for all of them.
    for name in dict.fromkeys(name for _, values in every for name in values):
        table.add_row(name, *(_cell(values.get(name, math.nan)) for _, values in every))
    return table


def _cell(value: float) -> str:
    return in_digits(value, ".3f")


def in_digits(value: float, form: str = ".4f") -> str:
    """Returns a metric for people to read: `-` where nothing was measured.

    Example:
        >>> in_digits(0.5), in_digits(math.nan)
        ('0.5000', '-')
    """
    return "-" if math.isnan(value) else format(value, form)


def write_metrics(path: Path | str, metrics: Mapping[str, Metrics]) -> None:
    """Writes `{evaluator: {"values": ..., "per_class": ...}}` as JSON, with null in the place of NaN.

    An earlier file is replaced only once the new one is complete.
    """
    content = {
        evaluator: without_nan({"values": one.values, "per_class": one.per_class}) for evaluator, one in metrics.items()
    }
    with replace_file(Path(path)) as draft:
        draft.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_evaluation(folder: Path, metrics: Mapping[str, Metrics], data: Json = None) -> None:
    """Writes the files of an evaluation: `metrics.json`, the confusion matrices, and what the data hold.

    A matrix is `<evaluator>_confusion_matrix.csv`, a row of pixels for each class of the target, a column for each
    predicted class. Earlier files are replaced. The digests of all files, with those of the overlays, come last.

    Args:
        folder: The folder.
        metrics: By evaluator.
        data: The content of `data_summary.json`; None writes no such file.
    """
    unguard(folder)
    write_metrics(folder / METRICS_FILE, metrics)
    for evaluator, one in metrics.items():
        if one.confusion_matrix is not None:
            with replace_file(folder / f"{evaluator}{CONFUSION_SUFFIX}") as draft:
                _write_matrix(draft, one.confusion_matrix)
    if data is not None:
        with replace_file(folder / DATA_FILE) as draft:
            draft.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    found = [*folder.glob(f"*{CONFUSION_SUFFIX}"), *folder.glob(DATA_FILE), *folder.glob("overlays/**/*.png")]
    guard(folder, [*(file.relative_to(folder).as_posix() for file in sorted(found)), METRICS_FILE])


def require_intact_evaluation(folder: Path) -> None:
    """Checks the files of an evaluation before they are read.

    Raises:
        CheckpointError: One was changed, or is missing.
    """
    require_intact_folder(folder, [METRICS_FILE], f"Evaluate again: segkit test CHECKPOINT --output {folder}.")


def _write_matrix(path: Path, matrix: dict[str, dict[str, int]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["target", *matrix])
        writer.writerows([name, *(row[predicted] for predicted in matrix)] for name, row in matrix.items())
