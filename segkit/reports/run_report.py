"""Runs as a self-contained HTML page: curves, metrics, confusion matrix, overlays, config and environment."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from segkit.errors import DataError, SegkitError
from segkit.reports.confusion_table import confusion_table
from segkit.reports.run_records import RunRecord
from segkit.results.curves import Curve, plot
from segkit.results.html import Cell, Html, element, escape, image, images, shown_number, table, write_page
from segkit.results.overlay_writer import BEST, WORST
from segkit.runtime.reading import open_file

MOST_OVERLAYS = 8
"""Of the worst, and of the best, of each run."""


def write_report(path: Path, runs: Sequence[RunRecord]) -> None:
    """Writes the report of runs, side by side if there are several.

    Args:
        path: The file.
        runs: At least one.

    Raises:
        DataError: An overlay cannot be read.
        WriteError: The file cannot be written.
    """
    runs = _distinct(runs)
    write_page(
        path,
        ", ".join(run.name for run in runs),
        [
            *_curves(runs),
            *_metrics(runs),
            *(part for run in runs for part in _confusion(run)),
            *(part for run in runs for part in _overlays(run)),
            *(part for run in runs for part in _origin(run, several=len(runs) > 1)),
        ],
    )


def _distinct(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Names runs whose folders have one name by their paths."""
    names = [run.name for run in runs]
    for run in runs:
        if names.count(run.name) > 1:
            run.name = str(run.folder.path)
    if len({run.name for run in runs}) < len(runs):
        raise SegkitError("segkit report: a run is named twice. Name each run once.")
    return list(runs)


def _curves(runs: Sequence[RunRecord]) -> Iterator[Html]:
    """Yields plots with the curves of all runs: losses, metrics, learning rate."""
    names = dict.fromkeys(name for run in runs for name in run.curves)
    losses = [name for name in names if name.startswith("losses/") and name.count("/") == 1]
    # A single evaluation is no curve: the tables have its metrics.
    several = [name for name in names if any(len(run.curves.get(name, [])) > 1 for run in runs)]
    metrics = [name for name in several if name.startswith("evaluation/")]
    others = [name for name in ("learning_rate", "gradient_norm") if name in names]
    values = {name: _values(runs, name) for name in [*losses, *metrics, *others]}
    drawn = [name for name, found in values.items() if len(found) > 1]
    constant = [f"{_title(name)} {shown_number(*found)}" for name, found in values.items() if len(found) == 1]
    if drawn or constant:
        yield element("h2", "Curves")
    if drawn:
        yield element("div", *(_plot(runs, name) for name in drawn), style_class="plots")
    if constant:
        yield element("p", f"The same all the time: {'; '.join(constant)}.")


def _values(runs: Sequence[RunRecord], name: str) -> set[float]:
    """Returns the finite values that a curve has in all runs."""
    return {value for run in runs for _, value in run.curves.get(name, []) if math.isfinite(value)}


def _plot(runs: Sequence[RunRecord], name: str) -> Html:
    logarithmic = name.startswith("losses/") or name == "gradient_norm"
    return plot(_title(name), [Curve(run.name, run.curves.get(name, [])) for run in runs], logarithmic)


def _title(name: str) -> str:
    kind, _, short = name.rpartition("/")
    if kind != "losses":
        return short if kind else short.replace("_", " ")
    return "total loss (weighted, all layers)" if short == "total" else f"loss {short} (last layer, unweighted)"


def _metrics(runs: Sequence[RunRecord]) -> Iterator[Html]:
    """Yields a table of the summary metrics and one of the classes of each evaluator, with a column for each run."""
    evaluators = dict.fromkeys(name for run in runs for name in run.metrics)
    names = [(one, name) for one in evaluators for name in dict.fromkeys(_all(runs, one, "values"))]
    if not names:
        return
    yield element("h2", "Metrics of the best checkpoint")
    rows: list[list[Cell]] = [
        [one, name, *(_number(_section(run, one, "values").get(name)) for run in runs)] for one, name in names
    ]
    yield table(["evaluator", "metric", *(run.name for run in runs)], rows)
    for one in evaluators:
        yield from _classes(runs, one)


def _classes(runs: Sequence[RunRecord], evaluator: str) -> Iterator[Html]:
    metrics = list(dict.fromkeys(_all(runs, evaluator, "per_class")))
    if len(runs) > 1:
        metrics = metrics[:1]  # the main one, so that the runs stand side by side
    columns = [(run, metric) for metric in metrics for run in runs]
    values = [_section(run, evaluator, "per_class").get(metric, {}) for run, metric in columns]
    names = dict.fromkeys(name for one in values for name in one)
    if names:
        heads = [f"{metric}, {run.name}" if len(runs) > 1 else metric for run, metric in columns]
        rows = [[name, *(_number(one.get(name)) for one in values)] for name in names]
        yield table(["class", *heads], rows, f"{evaluator}, per class")


def _section(run: RunRecord, evaluator: str, section: str) -> dict[str, Any]:
    found = run.metrics.get(evaluator, {}).get(section, {})
    return found if isinstance(found, dict) else {}


def _all(runs: Sequence[RunRecord], evaluator: str, section: str) -> list[str]:
    return [name for run in runs for name in _section(run, evaluator, section)]


def _number(value: Any) -> Cell:
    return float(value) if isinstance(value, int | float) else math.nan


def _confusion(run: RunRecord) -> Iterator[Html]:
    for evaluator, rows in run.confusions.items():
        if len(rows) > 1:
            yield element("h2", f"Confusion of {run.name}, {evaluator}")
            yield confusion_table(rows)


def _overlays(run: RunRecord) -> Iterator[Html]:
    """Yields the overlays with the largest and the smallest errors, each in order of the error."""
    for kind, sign in ((WORST, -1.0), (BEST, 1.0)):
        files = sorted((run.folder.overlays / kind).glob("*.png"), key=lambda file: (sign * _error(file), file.name))
        tasks = dict.fromkeys(file.stem.split("_")[-2] for file in files)
        for task in tasks:
            shown = [file for file in files if file.stem.split("_")[-2] == task][:MOST_OVERLAYS]
            yield element("h2", f"{kind} images of {run.name}, {task}")
            yield images(_drawn(file) for file in shown)


def _error(file: Path) -> float:
    """Returns the error at the end of the name `<image>_<task>_<error>.png`."""
    try:
        return float(file.stem.rpartition("_")[2])
    except ValueError as error:
        raise DataError(f"{file}: is no overlay of a training. Move it out of the folder.") from error


def _drawn(file: Path) -> Html:
    try:
        with open_file(file) as stream, Image.open(stream) as drawn:
            return image(drawn, file.stem, longest=1400)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{file}: cannot be read ({error}).") from error


def _origin(run: RunRecord, several: bool) -> Iterator[Html]:
    of = f" of {run.name}" if several else ""
    yield element("h2", f"Config{of}")
    yield element("pre", Html("\n".join(map(_config_line, run.config.splitlines()))))
    yield element("h2", f"Environment{of}")
    rows = [[name.replace("_", " "), _words(value)] for name, value in run.environment.items()]
    yield table(["", str(run.folder.path)], rows)


def _config_line(line: str) -> Html:
    """Returns a line with the origin of its value in paler letters."""
    value, mark, origin = line.rpartition("  # ")
    return Html(escape(value) + element("span", mark + origin, style_class="origin")) if mark else escape(line)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    if isinstance(value, list):
        return " ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
