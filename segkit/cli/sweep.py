"""Train a grid of settings, one run folder each, and tabulate the results."""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from segkit.cli._arguments import add_plugin_argument
from segkit.errors import SegkitError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="a YAML file")
    parser.add_argument(
        "overrides",
        metavar="key=[a,b,c]",
        nargs="+",
        help="the values a setting takes in turn, or key=value for one that all runs share; "
        "a single value that is itself a list is [[a,b]]",
    )
    parser.add_argument(
        "--output", metavar="DIR", help="the runs' folder (default: runs/sweeps/, named like the config)"
    )
    parser.add_argument("--list", action="store_true", help="show the grid and what is done of it, and train nothing")
    add_plugin_argument(parser)


@dataclass
class Run:
    """One point of the grid."""

    varied: dict[str, str]
    """Key -> value as YAML, of the settings that the runs do not share."""
    overrides: list[str]
    folder: Path

    @property
    def evaluation(self) -> dict[str, dict[str, float | None]] | None:
        """Headline figures by evaluator; None where the run is not done."""
        file = self.folder / "evaluation" / "metrics.json"
        if not file.is_file():
            return None
        measured = json.loads(file.read_text(encoding="utf-8"))
        return {evaluator: one["values"] for evaluator, one in measured.items()}


def run(arguments: argparse.Namespace) -> int:
    """Exit code 1 where a run has failed; the others are trained all the same. Runs that are done stay as they are."""
    config = Path(arguments.config)
    output = Path(arguments.output) if arguments.output else Path("runs") / "sweeps" / config.stem
    runs = grid(arguments.overrides, output)
    for one in runs:  # all before the first training
        _check(one, arguments)
    failed = [] if arguments.list else [one for one in runs if one.evaluation is None and not _train(one, arguments)]
    _print_table(_table(runs, most=1))
    if not arguments.list:
        output.mkdir(parents=True, exist_ok=True)
        with open(output / "results.csv", "w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(_table(runs))
    for one in failed:
        print(f"failed: {one.folder}", file=sys.stderr)
    return 1 if failed else 0


def grid(overrides: list[str], output: Path) -> list[Run]:
    """Every combination of the values that `overrides` list, the last one changing fastest."""
    from segkit.config.overrides import parse_overrides
    from segkit.config.plain import plain
    from segkit.config.source import inline

    axes = []
    for override in parse_overrides(overrides):
        value = plain(override.value)
        values = value if isinstance(value, list) and value else [value]
        axes.append([(".".join(override.keys), inline(one)) for one in values])
    varied = [axis[0][0] for axis in axes if len(axis) > 1]
    runs = []
    for point in itertools.product(*axes):
        own = {key: spelled for key, spelled in point if key in varied}
        name = ",".join(f"{key.rpartition('.')[2]}={value}" for key, value in own.items())
        folder = output / (re.sub(r"[^\w.,=+-]", "_", name) or "run")
        runs.append(Run(own, [f"{key}={value}" for key, value in point], folder))
    _refuse_shared_folders(runs)
    return runs


def _refuse_shared_folders(runs: list[Run]) -> None:
    folders = [one.folder for one in runs]
    twice = next((one for one in runs if folders.count(one.folder) > 1), None)
    if twice is not None:
        raise SegkitError(f"{twice.folder}: two points of the grid would share this folder. Give each value once.")


def _check(one: Run, arguments: argparse.Namespace) -> None:
    """Raises ConfigError where the point's config is wrong, SegkitError where its folder holds a run of another."""
    from segkit.config import CONFIG_FILE, load_config

    config = load_config(arguments.config, one.overrides, arguments.plugins)
    if config.experiment.data is None or config.experiment.data.val is None:
        raise SegkitError(
            f"{arguments.config}: data.val: a sweep compares evaluations. Name a data set to evaluate on."
        )
    if (one.folder / CONFIG_FILE).is_file() and load_config(one.folder).data != config.data:
        raise SegkitError(f"{one.folder}: holds a run of other settings. Give another --output, or take it away.")


def _train(one: Run, arguments: argparse.Namespace) -> bool:
    """In a process of its own, so that a run leaves nothing behind for the next; a run begun earlier goes on."""
    begun = any((one.folder / "checkpoints").glob("step_*"))
    command = [sys.executable, "-m", "segkit", "train", arguments.config, *one.overrides]
    command += [word for file in arguments.plugins for word in ("--plugin", file)]
    command += ["--output", str(one.folder), *(["--resume"] if begun else [])]
    print(f"{one.folder}:", *one.overrides, flush=True)
    process = subprocess.Popen(command)
    try:
        return process.wait() == 0
    except KeyboardInterrupt:
        process.wait()  # it has got the same signal, and saves its state
        raise


def _table(runs: list[Run], most: int | None = None) -> list[list[str]]:
    """A header, and per run its settings and the first `most` figures of each evaluator."""
    found = []
    for one in runs:
        evaluation = one.evaluation or {}
        found.append({name: value for part in evaluation.values() for name, value in list(part.items())[:most]})
    names = list(dict.fromkeys(name for figures in found for name in figures))
    rows = [[*runs[0].varied, *names, "run"]]
    for one, figures in zip(runs, found, strict=True):
        cells = ["-" if (value := figures.get(name)) is None else f"{value:.4f}" for name in names]
        rows.append([*one.varied.values(), *cells, str(one.folder) if figures else "not done"])
    return rows


def _print_table(rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
