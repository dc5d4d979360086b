"""The arguments that commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segkit.config import Config


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """`CONFIG [key=value …] [--plugin FILE.py …]`."""
    parser.add_argument("config", metavar="CONFIG", help="a YAML file, or the folder of a run or checkpoint")
    add_override_arguments(parser)


def add_override_arguments(parser: argparse.ArgumentParser) -> None:
    """`[key=value …] [--plugin FILE.py …]`; overrides may stand between and after options (see `segkit.cli.main`)."""
    parser.add_argument(
        "overrides", metavar="key=value", nargs="*", help="a value laid over the config's, such as training.steps=100"
    )
    add_plugin_argument(parser)


def add_plugin_argument(parser: argparse.ArgumentParser) -> None:
    """`[--plugin FILE.py …]`."""
    parser.add_argument(
        "--plugin", dest="plugins", metavar="FILE.py", action="append", default=[], help="a file that registers parts"
    )


def load_config_of(arguments: argparse.Namespace, extra: Sequence[str] = ()) -> Config:
    """The config that the arguments describe; `extra` overrides come last."""
    from segkit.config import load_config

    return load_config(arguments.config, [*arguments.overrides, *extra], arguments.plugins)
