"""Prepare an official dataset: write the files that it needs beside the published ones."""

import argparse

NAMES = ("ade20k_full", "ade20k_panoptic", "cityscapes_panoptic", "coco_stuff_10k")
"""The modules of segkit.preparation that are named like a dataset."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        metavar="NAME",
        choices=NAMES,
        help=f"{', '.join(NAMES)}; its published files are looked for in $SEGKIT_DATASETS, or in ./datasets",
    )


def run(arguments: argparse.Namespace) -> int:
    from importlib import import_module

    from segkit.preparation.steps import run_steps

    for line in run_steps(import_module(f"segkit.preparation.{arguments.name}").prepare()):
        print(line)
    return 0
