"""Evaluate a checkpoint, or a config with a checkpoint, on the config's `data.val`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from segkit.cli._arguments import add_inference_arguments, add_override_arguments

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from segkit.checkpoint import Checkpoint
    from segkit.evaluation.validation import Validation
    from segkit.runtime.processes import Process
    from segkit.types import Batch, Metrics, Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="CONFIG_OR_CHECKPOINT", help="a YAML file, a checkpoint's or a run's folder")
    add_override_arguments(parser)
    parser.add_argument("--checkpoint", metavar="PATH", help="where the weights are, with a config")
    parser.add_argument("--output", metavar="DIR", help="default: evaluation/ in the checkpoint's folder")
    parser.add_argument("--overlays", type=int, default=0, metavar="N", help="draw the first N images")
    parser.add_argument("--save-predictions", action="store_true", help="write every result as PNG or JSON")
    add_inference_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from segkit.evaluation.tables import class_table, summary_table, write_metrics
    from segkit.evaluation.validation import Validation
    from segkit.inference.sliding_window import SlidingWindow, refuse_segments
    from segkit.runtime.processes import join_processes

    process = join_processes(arguments.device)
    checkpoint, folder = _load(arguments, process.device)
    output = Path(arguments.output) if arguments.output else folder / "evaluation"
    size_divisor: int = checkpoint.model.size_divisor  # type: ignore[assignment]
    validation = Validation(checkpoint.config, checkpoint.classes, size_divisor, process.rank, process.num_processes)
    if arguments.window is not None:
        refuse_segments(validation.postprocessors)
        checkpoint.model = SlidingWindow(checkpoint.model, arguments.window)
    console = Console(quiet=not process.is_main)
    metrics = _evaluate(arguments, checkpoint, validation, process, console, output)
    console.print(class_table(metrics))
    console.print(summary_table(metrics))
    if process.is_main:
        write_metrics(output / "metrics.json", metrics)
        written = "metrics, predictions" if arguments.save_predictions else "metrics"
        console.print(f"{written}{' and overlays' if arguments.overlays else ''}: {output}", soft_wrap=True)
    return 0


def _evaluate(
    arguments: argparse.Namespace,
    checkpoint: Checkpoint,
    validation: Validation,
    process: Process,
    console: Console,
    output: Path,
) -> dict[str, Metrics]:
    """The metrics, with overlays and predictions written on the way where they are asked for."""
    from rich.progress import Progress

    from segkit.results.files import ResultWriter
    from segkit.results.overlay_writer import OverlayWriter

    draw = OverlayWriter(output / "overlays", checkpoint.classes, arguments.overlays)
    share = "" if process.num_processes == 1 else f"_{process.rank}"
    with (
        ResultWriter(output / f"predictions{share}", checkpoint.classes) as writer,
        Progress(console=console, transient=True) as bar,
    ):
        task = bar.add_task("evaluating", total=len(validation.dataset))

        def on_result(batch: Batch, index: int, result: Result) -> None:
            if process.is_main:
                draw(batch, index, result)
            if arguments.save_predictions:
                writer.write(result, batch.files[index], batch.image_ids[index])

        return validation.run(
            checkpoint.model,
            process.device,
            arguments.precision,
            progress=lambda images: bar.advance(task, images * process.num_processes),
            on_result=on_result if arguments.overlays or arguments.save_predictions else None,
        )


def _load(arguments: argparse.Namespace, device: torch.device) -> tuple[Checkpoint, Path]:
    """The checkpoint to be tested and its folder."""
    from segkit.checkpoint import find_checkpoint, load_checkpoint
    from segkit.config import CONFIG_FILE, load_config
    from segkit.errors import CheckpointError

    path = Path(arguments.path)
    if not path.is_file():
        if arguments.checkpoint:
            raise CheckpointError(
                f"{path}: is no config, so --checkpoint says twice where the weights are. Leave one out."
            )
        folder = find_checkpoint(path)
        config = load_config(folder / CONFIG_FILE, arguments.overrides, arguments.plugins)
        return load_checkpoint(folder, device, config), folder
    if not arguments.checkpoint:
        raise CheckpointError(
            f"{path}: a config alone has no weights. Add --checkpoint PATH, or name a checkpoint in the config's place."
        )
    folder = find_checkpoint(arguments.checkpoint)
    return load_checkpoint(folder, device, load_config(path, arguments.overrides, arguments.plugins)), folder
