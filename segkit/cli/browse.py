"""Draw samples of a config's datasets with their targets, before and after the transforms."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from segkit.cli._arguments import add_config_arguments, load_config_of
from segkit.cli._exit_codes import DONE, FAILED
from segkit.cli._types import not_empty, positive
from segkit.cli._unused import refuse_unused_overrides

if TYPE_CHECKING:
    from segkit.inspection.samples import BadSample, DrawnSample

_PAGE = ".html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument(
        "--images", type=positive, default=8, metavar="N", help="of data.train and of data.val each (default: 8)"
    )
    parser.add_argument(
        "--output",
        type=not_empty,
        metavar="PATH",
        help="a page FILE.html, or a folder for PNG files (default: NAME_samples.html for NAME.yaml)",
    )


def run(arguments: argparse.Namespace) -> int:
    from dataclasses import fields

    from segkit.config.sections import Training
    from segkit.inspection.samples import draw_samples, write_samples_folder, write_samples_page

    refuse_unused_overrides("browse", arguments.overrides, _unused([field.name for field in fields(Training)]))
    config = load_config_of(arguments)
    bad: list[BadSample] = []
    samples = _reported(draw_samples(config, arguments.images), bad)
    output = Path(arguments.output or f"{Path(arguments.config).resolve().stem}_samples{_PAGE}")
    if output.suffix.lower() == _PAGE:
        write_samples_page(output, f"Samples of {arguments.config}", samples)
    else:
        write_samples_folder(output, samples)
    print(f"drawn: {output}")
    # An unreadable image does not stop the others, but scripts must notice it.
    return FAILED if bad else DONE


def _reported(samples: Iterator[DrawnSample | BadSample], bad: list[BadSample]) -> Iterator[DrawnSample | BadSample]:
    """Yields all samples. The bad ones are printed, and put into `bad`."""
    from segkit.inspection.samples import BadSample

    for sample in samples:
        if isinstance(sample, BadSample):
            print(f"error: {sample.error}", file=sys.stderr)
            bad.append(sample)
        yield sample


def _unused(training: list[str]) -> list[str]:
    """Returns the settings on which neither images nor the random numbers of their transforms depend."""
    loading = [f"data.*.{name}" for name in ("batch_size", "workers", "on_bad_sample")]
    sections = ["model", "criterion", "postprocessors", "evaluators", "init_from", "reset_head"]
    return [*sections, *loading, *(f"training.{name}" for name in training if name != "seed")]
