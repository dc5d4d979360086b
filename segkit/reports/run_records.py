"""What the files of a run tell, read for a report."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segkit.config import CONFIG_FILE
from segkit.errors import DataError, SegkitError
from segkit.evaluation.tables import CONFUSION_SUFFIX, METRICS_FILE, require_intact_evaluation
from segkit.runtime.integrity import require_intact_folder
from segkit.runtime.reading import read_json, read_utf8
from segkit.training.run_folder import ENVIRONMENT_FILE, RESTORE, STARTED, RunFolder

Points = list[tuple[float, float]]
"""(step, value), in the order of the log."""


@dataclass
class RunRecord:
    """A run as its files tell it. What a run has not written is empty."""

    name: str
    folder: RunFolder
    curves: dict[str, Points] = field(default_factory=dict)
    """Of `metrics.jsonl`, by path: `losses/total`, `learning_rate`, `evaluation/mean_iou`."""
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    """`evaluation/metrics.json`."""
    confusions: dict[str, list[list[str]]] = field(default_factory=dict)
    """Evaluator -> the rows of its confusion matrix, with a header."""
    environment: dict[str, Any] = field(default_factory=dict)
    """`environment.json`, without the config."""
    config: str = ""
    """With the origin of each value, where the run has written it."""


def read_run(path: Path) -> RunRecord:
    """Reads the files of a run.

    Raises:
        SegkitError: The folder is no run.
        CheckpointError: A file was changed.
        DataError: A file cannot be read.
    """
    if not (path / CONFIG_FILE).is_file():
        raise SegkitError(
            f"{path}: is not the folder of a run (there is no {CONFIG_FILE}). Name what a training wrote."
        )
    folder = RunFolder(path)
    require_intact_folder(path, STARTED, RESTORE)
    require_intact_evaluation(folder.evaluation)
    record = RunRecord(path.name or str(path), folder)
    environment = _mapping(path / ENVIRONMENT_FILE)
    record.config = str(environment.pop("config", "")) or _text(path / CONFIG_FILE)
    record.environment = environment
    record.metrics = _mapping(folder.evaluation / METRICS_FILE)
    record.curves = _curves(_text(folder.metrics))
    for file in sorted(folder.evaluation.glob(f"*{CONFUSION_SUFFIX}")):
        rows = list(csv.reader(io.StringIO(_text(file))))
        record.confusions[file.name.removesuffix(CONFUSION_SUFFIX)] = rows
    return record


def _curves(log: str) -> dict[str, Points]:
    curves: dict[str, Points] = defaultdict(list)
    for line in log.splitlines():
        try:
            values = json.loads(line)
            step = float(values.pop("step"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # a line that was cut or damaged
        for name, value in _numbers(values, ""):
            curves[name].append((step, value))
    return dict(curves)


def _numbers(values: Mapping[str, Any], path: str) -> list[tuple[str, float]]:
    found = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _numbers(value, f"{path}{key}/")
        elif isinstance(value, int | float):
            found.append((f"{path}{key}", float(value)))
    return found


def _mapping(path: Path) -> dict[str, Any]:
    """Returns a JSON file as a mapping; empty where there is no file."""
    try:
        found = read_json(path) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: is not what a run writes. Name a run whose files are whole.")
    return found


def _text(path: Path) -> str:
    try:
        return read_utf8(path) if path.is_file() else ""
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from error
