"""Draw the images that a step of a training learned from, augmented as it saw them, with the loss of each."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from segkit.cli._arguments import add_device_argument, add_trust_arguments
from segkit.cli._table import aligned
from segkit.cli._types import not_empty, positive
from segkit.errors import counted

if TYPE_CHECKING:
    from segkit.training.drawn_step import DrawnStep


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=not_empty, metavar="RUN", help="the folder of a run")
    parser.add_argument("--step", type=positive, required=True, metavar="N", help="the number of the step, from 1")
    parser.add_argument(
        "--checkpoint",
        type=not_empty,
        metavar="PATH",
        help="compute the losses with this checkpoint (default: the state of the run that is nearest to the step)",
    )
    parser.add_argument(
        "--output",
        type=not_empty,
        metavar="DIR",
        help="folder for step_N.png and step_N.json (default: RUN/batches)",
    )
    add_device_argument(parser)
    add_trust_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from segkit.training.drawn_step import draw_step

    drawn = draw_step(
        arguments.path,
        arguments.step,
        checkpoint=arguments.checkpoint,
        output=arguments.output,
        device=arguments.device,
        plugins=arguments.plugins,
        trust=arguments.trust,
    )
    print(
        f"{arguments.path}: step {drawn.step} learned from {counted(drawn.images, 'image')}; losses by "
        f"{drawn.checkpoint}"
    )
    for line in _table(drawn):
        print(line)
    print(f"drawn: {drawn.drawing}, {drawn.table}")
    return 0


def _table(drawn: DrawnStep) -> list[str]:
    names = list(drawn.images[0].losses)
    rows = [["", "process", "batch", "size", "segments", *names, "file"]]
    for place, one in enumerate(drawn.images, start=1):
        numbers = [place, one.process, one.batch, f"{one.size[1]}x{one.size[0]}", one.segments]
        rows.append([*map(str, numbers), *(f"{one.losses[name]:.4f}" for name in names), one.file])
    return aligned(rows, str.rjust)
