"""What `segkit predict` predicts with: a checkpoint or an exported file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
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
        refuse_fixed(
            arguments,
            arguments.checkpoint,
            {"--task": arguments.task, "--plugin": arguments.plugins, "--trust": arguments.trust},
        )
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


def refuse_fixed(arguments: argparse.Namespace, file: str, further: Mapping[str, object] | None = None) -> None:
    """Refuses options that would change what was fixed when a file was exported.

    Args:
        arguments: With those of `add_inference_arguments`.
        file: The exported file.
        further: Options of one command, with their values.

    Raises:
        ConfigError: One is given.
    """
    given = {
        "--device": arguments.device not in (None, "cpu"),
        "--precision": arguments.precision not in (None, "fp32"),
        "--window": arguments.window,
        "--augment": arguments.augment,
    }
    useless = [option for option, value in {**(further or {}), **given}.items() if value]
    if useless:
        raise ConfigError(
            f"{file}: is an exported file, which has its task, precision and sizes, runs on the CPU and loads no "
            f"plugins. Leave out: {', '.join(useless)}. Or give the checkpoint."
        )
