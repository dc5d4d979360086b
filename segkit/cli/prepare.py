"""Prepare an official dataset: write the files that it needs beside the published ones."""

import argparse
import pkgutil

from segkit import preparation

NAMES = [module.name for module in pkgutil.iter_modules(preparation.__path__) if not module.name.startswith("_")]
"""The datasets: the modules of segkit.preparation."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        metavar="NAME",
        choices=NAMES,
        help=f"{', '.join(NAMES)}; its published files are looked for in $SEGKIT_DATASETS, or in ./datasets",
    )


def run(arguments: argparse.Namespace) -> int:
    from importlib import import_module

    from segkit.preparation._steps import run_steps

    for line in run_steps(arguments.name, import_module(f"segkit.preparation.{arguments.name}").prepare()):
        print(line)
    return 0
