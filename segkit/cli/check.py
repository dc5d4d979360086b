"""Check configs without building anything: one line OK for each, or all its problems and their number."""

import argparse

from segkit.cli._arguments import add_plugin_argument
from segkit.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "configs", metavar="CONFIG", nargs="+", help="a YAML file, or the folder of a run or checkpoint"
    )
    add_plugin_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 1 where any config is wrong."""
    from segkit.config import load_config

    wrong = 0
    for config in arguments.configs:
        try:
            load_config(config, plugins=arguments.plugins)
        except ConfigError as error:
            print(error)
            print(f"{config}: {_counted(len(str(error).splitlines()))}")
            wrong += 1
        else:
            print(f"{config}: OK")
    return 1 if wrong else 0


def _counted(problems: int) -> str:
    return "1 problem" if problems == 1 else f"{problems} problems"
