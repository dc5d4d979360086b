"""Show the cost of each part of a model: parameters, multiply-adds, memory kept for the backward pass."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from segkit.cli._arguments import add_config_arguments, load_config_of
from segkit.cli._types import positive
from segkit.cli._unused import FOR_TRAINING, refuse_unused_overrides
from segkit.errors import counted

UNUSED = (
    # The number of classes comes from the training dataset.
    *(name for name in FOR_TRAINING if name != "data.train"),
    "postprocessors",
    "evaluators",
    *(f"data.*.{name}" for name in ("transforms", "batch_size", "workers", "timeout", "limit")),
)
"""Settings that neither the model nor its number of classes depends on."""

if TYPE_CHECKING:
    from segkit.classes import Classes
    from segkit.config import Config
    from segkit.inspection.cost import Analysis


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument(
        "--size",
        type=positive,
        nargs=2,
        metavar=("H", "W"),
        default=(512, 512),
        help="count for one image of H x W pixels (default: 512 512)",
    )
    parser.add_argument(
        "--classes", type=positive, metavar="N", help="build the model for N classes (default: those of the dataset)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(arguments: argparse.Namespace) -> int:
    import dataclasses
    import json

    from rich.console import Console

    from segkit.build import build_model
    from segkit.inspection.cost import analyze

    # With --classes, the dataset is not asked for its classes.
    refuse_unused_overrides("analyze", arguments.overrides, (*UNUSED, *(["data"] if arguments.classes else [])))
    config = load_config_of(arguments)
    classes = _classes(config, arguments.classes)
    model = build_model(config, classes, initial_weights=False)
    analysis = analyze(model, tuple(arguments.size))
    if arguments.json:
        print(json.dumps({"num_classes": len(classes), **dataclasses.asdict(analysis)}, indent=2))
    else:
        print(f"{config.path}: {counted(classes, 'class')}, one image of {analysis.size[0]}x{analysis.size[1]}")
        Console(markup=False).print(_table(analysis))
    return 0


def _classes(config: Config, count: int | None) -> Classes:
    from segkit.build import dataset_classes
    from segkit.classes import Classes
    from segkit.errors import ConfigError, DataError

    if count is not None:
        return Classes.make([f"class {index}" for index in range(count)])
    try:
        return dataset_classes(config)
    except (DataError, ConfigError) as error:
        raise type(error)(f"{error}\nWithout the dataset, give the number of classes: --classes N") from error


def _table(analysis: Analysis) -> object:
    from rich.table import Table

    table = Table("part")
    for column in ("parameters", "multiply-adds", "kept for backward"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, cost in [*analysis.parts.items(), ("total", analysis.total)]:
        table.add_row(
            f"  {name.partition('.')[2]}" if "." in name else name,
            f"{cost.parameters / 1e6:.2f} M",
            f"{cost.multiply_adds / 1e9:.2f} G",
            f"{cost.activation_bytes / 1e6:.1f} MB",
            end_section=name == list(analysis.parts)[-1],
        )
    return table
