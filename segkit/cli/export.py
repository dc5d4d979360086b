"""Write a checkpoint as one ONNX or torch.export file: images in, results out, checked against the model."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from segkit.cli._arguments import add_trust_arguments
from segkit.cli._exit_codes import DONE, FAILED
from segkit.cli._types import fraction, not_empty
from segkit.errors import ConfigError

if TYPE_CHECKING:
    from segkit.config import Config

BOUND = 0.01
"""What a file may lose in a metric: one point of a hundred."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a checkpoint or run folder")
    parser.add_argument(
        "--output", type=not_empty, metavar="FILE", required=True, help="the file to write: .onnx, or .pt2 of torch"
    )
    parser.add_argument(
        "--format", choices=["onnx", "torch"], default="onnx", help="the format of the file (default: onnx)"
    )
    parser.add_argument(
        "--task", type=not_empty, help="give semantic, instance or panoptic results (default: the config's first)"
    )
    parser.add_argument(
        "--size",
        type=not_empty,
        default="dynamic",
        metavar="SIZE",
        help="the images that the file takes: HEIGHTxWIDTH, MIN-MAX for both sides, or dynamic, from one pixel more "
        "than the coarsest stride to 4096 (default: dynamic)",
    )
    parser.add_argument(
        "--precision",
        choices=["fp32", "fp16", "int8", "int8-dynamic"],
        default="fp32",
        help="number format of an ONNX file; int8 measures ranges with images of the config's data (default: fp32)",
    )
    parser.add_argument(
        "--verify",
        type=not_empty,
        metavar="CONFIG",
        help="evaluate the file beside the checkpoint on the data.val of CONFIG, and print both",
    )
    parser.add_argument(
        "--bound",
        type=fraction,
        metavar="X",
        help=f"with --verify: the most that the first metric of an evaluator may lose (default: {BOUND})",
    )
    add_trust_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from segkit.export.exporting import export_checkpoint

    if arguments.bound is not None and arguments.verify is None:
        raise ConfigError("--bound: has no effect without --verify. Leave it out, or add --verify CONFIG.")
    config = None if arguments.verify is None else _verifying_config(arguments)
    parity = export_checkpoint(
        arguments.checkpoint,
        arguments.output,
        format=arguments.format,
        task=arguments.task,
        size=arguments.size,
        precision=arguments.precision,
        plugins=arguments.plugins,
        trust=arguments.trust,
    )
    # What a conversion changes is not judged; the check was before.
    checked = "checked on" if arguments.precision == "fp32" else f"checked in fp32. {arguments.precision} on"
    print(f"{checked} {parity}")
    print(f"written: {arguments.output}")
    return DONE if config is None else _verify(arguments, config)


def _verifying_config(arguments: argparse.Namespace) -> Config:
    """Loads the config of --verify, and checks that it fits: an export may take minutes."""
    from segkit.config import load_config
    from segkit.export.verify import require_verifiable

    trusted = {"plugins": arguments.plugins, "trust": arguments.trust}
    config = load_config(arguments.verify, **trusted)
    require_verifiable(arguments.checkpoint, config, arguments.task, **trusted)
    return config


def _verify(arguments: argparse.Namespace, config: Config) -> int:
    from rich.console import Console

    from segkit.checkpoint import load_checkpoint
    from segkit.export.verify import verify

    loaded = load_checkpoint(arguments.checkpoint, plugins=arguments.plugins, trust=arguments.trust)
    found = verify(arguments.output, loaded, config)
    Console(markup=False).print(found.table())
    bound = BOUND if arguments.bound is None else arguments.bound
    if found.loss() <= bound:  # never of nan
        return DONE
    print(f"error: {arguments.output}: loses {found.loss():.4f}, more than {bound}.", file=sys.stderr)
    return FAILED
