"""Train a grid of settings, one run each, and tabulate the results."""

from __future__ import annotations

import argparse
import csv
import itertools
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.cli._arguments import add_trust_arguments
from segkit.cli._exit_codes import DONE, STOPPED
from segkit.cli._failures import Terminated
from segkit.cli._table import aligned
from segkit.cli._types import not_empty
from segkit.errors import SegkitError, TrainingStopped
from segkit.runtime.reading import read_json
from segkit.runtime.writing import replace_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="a YAML file")
    parser.add_argument(
        "overrides",
        metavar="key=[a,b,c]",
        nargs="+",
        help="the values of a setting to try; key=value sets one for all runs, key=[[a,b]] a list for all runs",
    )
    parser.add_argument(
        "--output",
        type=not_empty,
        metavar="DIR",
        help="the folder of the runs (default: runs/sweeps/, named like the config)",
    )
    parser.add_argument("--list", action="store_true", help="print the grid and its results so far without training")
    add_trust_arguments(parser)


@dataclass
class Run:
    """One point of the grid."""

    varied: dict[str, str]
    """The settings that differ between runs: key -> value as YAML."""
    overrides: list[str]
    folder: Path

    @property
    def evaluation(self) -> dict[str, dict[str, float | None]] | None:
        """Summary metrics by evaluator; None if the run is not finished."""
        file = self.folder / "evaluation" / "metrics.json"
        if not file.is_file():
            return None
        from segkit.evaluation.tables import require_intact_evaluation

        require_intact_evaluation(file.parent)
        try:
            measured: Any = read_json(file)
            return {evaluator: one["values"] for evaluator, one in measured.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SegkitError(f"{file}: cannot be read ({error}). Remove the file, to evaluate again.") from error


def run(arguments: argparse.Namespace) -> int:
    """Returns exit code 1 if a run failed; the others are trained all the same. Finished runs are not trained again.

    Raises:
        TrainingStopped: A run was stopped. The same command goes on with it.
    """
    config = Path(arguments.config)
    output = Path(arguments.output) if arguments.output else Path("runs") / "sweeps" / config.stem
    if output.exists() and not output.is_dir():
        raise SegkitError(f"{output}: is not a folder. Give another --output.")
    runs = grid(arguments.overrides, output)
    for one in runs:  # a mistake in the last run must show before the first is trained
        _check(one, arguments)
    failed = [] if arguments.list else [one for one in runs if one.evaluation is None and not _train(one, arguments)]
    # The console shows the main metric of each evaluator, the file all of them.
    _print_table(_table(runs, most=1))
    if not arguments.list:
        with replace_file(output / "results.csv") as draft, draft.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(_table(runs))
    for one in failed:
        print(f"failed: {one.folder}", file=sys.stderr)
    return 1 if failed else 0


def grid(overrides: list[str], output: Path) -> list[Run]:
    """Returns a run for every combination of the values that `overrides` list, the last setting varying fastest."""
    from segkit.config.overrides import parse_overrides
    from segkit.config.plain import plain
    from segkit.config.source import inline

    axes = []
    for override in parse_overrides(overrides):
        value = plain(override.value)
        # An empty list is a single value: as an axis without values it would leave no run.
        values = value if isinstance(value, list) and value else [value]
        axes.append([(".".join(override.keys), inline(one)) for one in values])
    varied = [axis[0][0] for axis in axes if len(axis) > 1]
    runs = []
    for combination in itertools.product(*axes):
        own = {key: spelled for key, spelled in combination if key in varied}
        # The last part of a key keeps folder names short: `lr=0.1` for `training.optimizer.lr=0.1`.
        name = ",".join(f"{key.rpartition('.')[2]}={value}" for key, value in own.items())
        folder = output / (re.sub(r"[^\w.,=+-]", "_", name) or "run")
        runs.append(Run(own, [f"{key}={value}" for key, value in combination], folder))
    _refuse_shared_folders(runs)
    return runs


def _refuse_shared_folders(runs: list[Run]) -> None:
    folders = [one.folder for one in runs]
    twice = next((one for one in runs if folders.count(one.folder) > 1), None)
    if twice is not None:
        raise SegkitError(f"{twice.folder}: two runs of the grid would use this folder. List each value once.")


def _check(one: Run, arguments: argparse.Namespace) -> None:
    """Raises ConfigError if the config of a run is wrong, SegkitError if its folder holds a run with other settings."""
    from segkit.config import CONFIG_FILE, load_config
    from segkit.config.earlier import pixel_values

    config = load_config(arguments.config, one.overrides, arguments.plugins, trust=arguments.trust)
    if config.experiment.data is None or config.experiment.data.val is None:
        raise SegkitError(f"{arguments.config}: data.val: a sweep compares evaluations. Set a dataset to evaluate on.")
    if not (one.folder / CONFIG_FILE).is_file():
        return
    # The run may name the plugins that this config names, which have been imported.
    earlier = load_config(one.folder, plugins=config.experiment.plugins).data
    if earlier != config.completed("model", pixel_values(earlier), str(one.folder)).data:
        raise SegkitError(f"{one.folder}: holds a run with other settings. Choose another --output, or remove it.")


def _train(one: Run, arguments: argparse.Namespace) -> bool:
    """Trains a run in its own process, which frees all memory at its end; resumes a run that was interrupted.

    Returns:
        Whether it is done.
    """
    from segkit.config import CONFIG_FILE

    # The same Python, even if another `segkit` is on the PATH.
    command = [sys.executable, "-m", "segkit", "train", arguments.config, *one.overrides]
    command += [word for file in arguments.plugins for word in ("--plugin", file)]
    command += ["--output", str(one.folder), *(["--resume"] if (one.folder / CONFIG_FILE).is_file() else [])]
    command += ["--trust"] if arguments.trust else []
    print(f"{one.folder}:", *one.overrides, flush=True)
    process = subprocess.Popen(command)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.wait()  # it received the same signal and saves its state
        raise
    except Terminated:
        process.terminate()  # a scheduler may have sent the signal to this process alone
        process.wait()
        code = STOPPED
    if code == STOPPED:
        raise TrainingStopped(f"{one.folder}: stopped. The same command goes on.")
    return code == DONE


def _table(runs: list[Run], most: int | None = None) -> list[list[str]]:
    """Returns a header, then for each run its settings and the first `most` metrics of each evaluator."""
    found = []
    for one in runs:
        evaluation = one.evaluation or {}
        found.append({name: value for part in evaluation.values() for name, value in list(part.items())[:most]})
    names = list(dict.fromkeys(name for metrics in found for name in metrics))
    rows = [[*runs[0].varied, *names, "run"]]
    for one, metrics in zip(runs, found, strict=True):
        cells = ["-" if (value := metrics.get(name)) is None else f"{value:.4f}" for name in names]
        rows.append([*one.varied.values(), *cells, str(one.folder) if metrics else "not done"])
    return rows


def _print_table(rows: list[list[str]]) -> None:
    for line in aligned(rows):
        print(line)
