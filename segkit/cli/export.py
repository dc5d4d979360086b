"""Write a checkpoint as one ONNX or torch.export file: images in, results out, checked against the model."""

from __future__ import annotations

import argparse

from segkit.cli._arguments import add_trust_arguments
from segkit.cli._types import not_empty


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
    add_trust_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from segkit.export.exporting import export_checkpoint

    parity = export_checkpoint(
        arguments.checkpoint,
        arguments.output,
        format=arguments.format,
        task=arguments.task,
        size=arguments.size,
        plugins=arguments.plugins,
        trust=arguments.trust,
    )
    print(f"checked on {parity}")
    print(f"written: {arguments.output}")
    return 0
