"""What `segkit predict` predicts with: a checkpoint or an exported file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from segkit.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from segkit.inference.predictor import Predictor


def open_predictor(arguments: argparse.Namespace, device: torch.device) -> Predictor:
    """Returns the predictor of the checkpoint or exported file that the arguments of `segkit predict` name.

    Raises:
        ConfigError: An option has no effect on an exported file.
    """
    from segkit.export.formats import is_exported
    from segkit.export.predictor import ExportedPredictor
    from segkit.inference.predictor import Predictor

    if is_exported(arguments.checkpoint):
        _refuse_fixed(arguments)
        return ExportedPredictor(
            arguments.checkpoint, score_threshold=arguments.score_threshold, max_pixels=arguments.max_pixels
        )
    return Predictor(
        arguments.checkpoint,
        arguments.task,
        device=device,
        precision=arguments.precision,
        score_threshold=arguments.score_threshold,
        window=arguments.window,
        augment=arguments.augment,
        max_pixels=arguments.max_pixels,
        plugins=arguments.plugins,
        trust=arguments.trust,
    )


def predictor_digest(arguments: argparse.Namespace) -> str:
    """Returns a digest of the checkpoint or exported file."""
    from segkit.checkpoint import checkpoint_digest
    from segkit.export.formats import is_exported
    from segkit.runtime.integrity import digest_of

    path = arguments.checkpoint
    return digest_of(Path(path)) if is_exported(path) else checkpoint_digest(path)


def _refuse_fixed(arguments: argparse.Namespace) -> None:
    """Raises ConfigError where options would change what was fixed when the file was exported."""
    given = {
        "--task": arguments.task,
        "--device": arguments.device not in (None, "cpu"),
        "--precision": arguments.precision != "fp32",
        "--window": arguments.window,
        "--augment": arguments.augment,
        "--plugin": arguments.plugins,
        "--trust": arguments.trust,
    }
    useless = [option for option, value in given.items() if value]
    if useless:
        raise ConfigError(
            f"{arguments.checkpoint}: is an exported file, which has its task, precision and sizes, runs on the CPU "
            f"and loads no plugins. Leave out: {', '.join(useless)}."
        )
