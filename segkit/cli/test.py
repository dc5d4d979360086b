"""Evaluate a checkpoint, or a config with a checkpoint or exported file, on the config's `data.val`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from segkit.cli._arguments import add_inference_arguments, add_override_arguments
from segkit.cli._failures import leaving_whole_files
from segkit.cli._predictors import refuse_fixed
from segkit.cli._types import non_negative, not_empty
from segkit.cli._unused import FOR_TRAINING, refuse_beside, refuse_unused_overrides

if TYPE_CHECKING:
    from segkit.config import Config
    from segkit.types import Metrics

_PRECISION = "training.precision"
"""The one setting of a training that its evaluations depend on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="CONFIG_OR_CHECKPOINT", help="a YAML file, or a run or checkpoint folder")
    add_override_arguments(parser)
    parser.add_argument(
        "--checkpoint",
        type=not_empty,
        metavar="PATH",
        help="the checkpoint, or a file that segkit export wrote, if the first argument is a config",
    )
    parser.add_argument(
        "--output",
        type=not_empty,
        metavar="DIR",
        help="default: evaluation/ in the checkpoint folder; an exported file needs one",
    )
    parser.add_argument(
        "--overlays",
        type=non_negative,
        default=0,
        metavar="N",
        help="draw the first N images, the N with the largest errors of each task, and the N with the smallest",
    )
    parser.add_argument("--save-predictions", action="store_true", help="write every result: as --result-format coco")
    add_inference_arguments(parser, precision=None)


def run(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from segkit.evaluation.tables import class_tables, summary_table
    from segkit.export.formats import is_exported
    from segkit.runtime.processes import join_processes

    refuse_unused_overrides("test", arguments.overrides, FOR_TRAINING, used=[_PRECISION])
    if arguments.precision:
        given = any(one.partition("=")[0] == _PRECISION for one in arguments.overrides)
        refuse_beside("--precision", [(_PRECISION, given)], "The option sets the number format.")
    if arguments.result_format:
        saves = [("--save-predictions", arguments.save_predictions)]
        refuse_beside("--result-format", saves, "The option writes the results already, in its own format.")
    exported = is_exported(arguments.checkpoint or arguments.path)
    output, metrics = (_evaluate_exported if exported else _evaluate)(arguments)
    # All processes have the metrics; one prints them.
    is_main = join_processes(arguments.device).is_main
    console = Console(quiet=not is_main, markup=False)
    if is_main:  # it alone has written the file
        console.print(f"data.val: {_data_in_words(output)}", soft_wrap=True, highlight=False)
    for table in [*class_tables(metrics, console.width), summary_table(metrics)]:
        console.print(table)
    written = "metrics, predictions" if arguments.result_format or arguments.save_predictions else "metrics"
    console.print(f"{written}{' and overlays' if arguments.overlays else ''}: {output}", soft_wrap=True)
    return 0


def _data_in_words(output: str | Path) -> str:
    """Returns what the evaluated data hold, as the evaluation has written it."""
    from segkit.evaluation.tables import DATA_FILE
    from segkit.runtime.reading import read_json

    summary = read_json(Path(output) / DATA_FILE)
    assert isinstance(summary, dict), "the evaluation has written a mapping"
    return str(summary["in_words"])


def _evaluate(arguments: argparse.Namespace) -> tuple[str | Path, dict[str, Metrics]]:
    """Evaluates a checkpoint; returns where the metrics are, and these."""
    from segkit.evaluation.evaluate import default_output, evaluate

    checkpoint, config = _checkpoint_and_config(arguments)
    output = arguments.output or default_output(checkpoint)
    with leaving_whole_files(output):
        metrics = evaluate(
            checkpoint,
            config,
            output=output,
            overlays=arguments.overlays,
            save_predictions=arguments.result_format or arguments.save_predictions,
            window=arguments.window,
            augment=arguments.augment,
            precision=arguments.precision,
            device=arguments.device,
        )
    return output, metrics


def _evaluate_exported(arguments: argparse.Namespace) -> tuple[str | Path, dict[str, Metrics]]:
    """Evaluates an exported file; returns where the metrics are, and these."""
    from segkit.config import load_config
    from segkit.errors import ConfigError
    from segkit.export.evaluate import evaluate_exported

    if not arguments.checkpoint:
        file = arguments.path
        raise ConfigError(f"{file}: an exported file has no config. Write CONFIG --checkpoint {file} --output DIR.")
    refuse_fixed(arguments, arguments.checkpoint)
    if not arguments.output:
        raise ConfigError(f"{arguments.checkpoint}: an exported file has no folder for the metrics. Give --output.")
    config = load_config(arguments.path, arguments.overrides, arguments.plugins, trust=arguments.trust)
    with leaving_whole_files(arguments.output):
        metrics = evaluate_exported(
            arguments.checkpoint,
            config,
            output=arguments.output,
            overlays=arguments.overlays,
            save_predictions=arguments.result_format or arguments.save_predictions,
        )
    return arguments.output, metrics


def _checkpoint_and_config(arguments: argparse.Namespace) -> tuple[Path, Config]:
    """Returns the checkpoint folder to evaluate and the config to evaluate it by."""
    from segkit.checkpoint import find_checkpoint
    from segkit.config import load_config
    from segkit.errors import CheckpointError

    path = Path(arguments.path)
    # A folder brings its own weights and config; a file is only a config.
    if not path.is_file():
        if arguments.checkpoint:
            raise CheckpointError(
                f"{path}: is not a config file, so --checkpoint names the weights a second time. Leave one out."
            )
        folder = find_checkpoint(path)
        return folder, load_config(folder, arguments.overrides, arguments.plugins, trust=arguments.trust)
    if not arguments.checkpoint:
        raise CheckpointError(
            f"{path}: a config alone has no weights. Add --checkpoint PATH, or give a checkpoint instead of the config."
        )
    config = load_config(path, arguments.overrides, arguments.plugins, trust=arguments.trust)
    return find_checkpoint(arguments.checkpoint), config
