"""Arguments that several commands have."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from segkit.cli._types import not_empty, positive
from segkit.errors import suggest
from segkit.registries import BY_KIND, BY_PLURAL

if TYPE_CHECKING:
    from segkit.config import Config


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `CONFIG [key=value …] [--plugin FILE.py …] [--trust]`."""
    parser.add_argument("config", metavar="CONFIG", help="a YAML file, or the folder of a run or checkpoint")
    add_override_arguments(parser)


def add_override_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `[key=value …] [--plugin FILE.py …] [--trust]`; `segkit.cli.main` accepts overrides behind options too."""
    parser.add_argument(
        "overrides", metavar="key=value", nargs="*", help="change a value of the config, such as training.steps=100"
    )
    add_trust_arguments(parser)


def add_plugin_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `[--plugin FILE.py …]`."""
    parser.add_argument(
        "--plugin",
        type=not_empty,
        dest="plugins",
        metavar="FILE.py",
        action="append",
        default=[],
        help="a Python file that registers parts",
    )


def add_trust_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `[--plugin FILE.py …] [--trust]`, of commands that open folders of runs or checkpoints."""
    add_plugin_argument(parser)
    parser.add_argument(
        "--trust",
        action="store_true",
        help="run the Python files that the config in the folder of a run or checkpoint names as plugins",
    )


def add_kind_argument(parser: argparse.ArgumentParser, nargs: str | None = None) -> None:
    """Adds `KIND`, a kind of part: its singular or plural, spelled with `_` or `-`."""
    parser.add_argument("kind", metavar="KIND", nargs=nargs, type=kind_of, help=f"a kind of part: {', '.join(BY_KIND)}")


def kind_of(text: str) -> str:
    """Returns the kind that `text` names. Raises argparse.ArgumentTypeError if there is none."""
    name = text.replace("-", "_")
    if name in BY_PLURAL:
        return BY_PLURAL[name].kind
    if name not in BY_KIND:
        raise argparse.ArgumentTypeError(
            f"there is no kind of part '{text}'.{suggest(name, BY_KIND)} There are: {', '.join(BY_KIND)}"
        )
    return name


def add_device_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `[--device DEVICE]`."""
    parser.add_argument(
        "--device", type=not_empty, help="where to compute, such as cpu or cuda:1 (default: the GPU if there is one)"
    )


def add_inference_arguments(parser: argparse.ArgumentParser, precision: str | None = "fp32") -> None:
    """Adds `[--device DEVICE] [--precision …] [--window SIDE] [--augment] [--result-format …]`.

    Args:
        parser: The arguments are added to it.
        precision: The default; None = that of the config's training.
    """
    add_device_argument(parser)
    parser.add_argument(
        "--precision",
        choices=["fp32", "bf16", "fp16"],
        default=precision,
        help=f"number format of the model (default: {precision or 'that of the training'})",
    )
    parser.add_argument(
        "--window",
        type=positive,
        metavar="SIDE",
        help="split each image into overlapping windows of SIDE x SIDE pixels",
    )
    parser.add_argument(
        "--augment",
        action="store_true",
        help="semantic task only: average the predictions of six sizes (0.5 to 1.75) and of their mirror images",
    )
    parser.add_argument(
        "--result-format",
        choices=["coco", "cityscapes", "ade20k"],
        help="write every result as the official tools of these data read it (default: coco)",
    )


def run_plugins_of(arguments: argparse.Namespace) -> None:
    """Imports the files that `--plugin` names, which register their parts."""
    from segkit.config.nodes import COMMAND_LINE
    from segkit.config.plugins import run_plugin

    for file in arguments.plugins:
        # Absolute, since a plugin's folder goes onto the import path.
        run_plugin(os.path.abspath(file), COMMAND_LINE, "--plugin")


def load_config_of(arguments: argparse.Namespace, extra: Sequence[str] = ()) -> Config:
    """Loads the config that the arguments describe; `extra` overrides come last."""
    from segkit.config import load_config

    overrides = [*arguments.overrides, *extra]
    return load_config(arguments.config, overrides, arguments.plugins, trust=arguments.trust)
