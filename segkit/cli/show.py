"""Show a resolved config and where each value was set, or how it differs from another config."""

import argparse

from segkit.cli._arguments import add_config_arguments, load_config_of
from segkit.cli._types import not_empty


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument(
        "--diff",
        type=not_empty,
        metavar="OTHER",
        help="show only the differences from this config, a YAML file or a run's folder",
    )


def run(arguments: argparse.Namespace) -> int:
    from segkit.config import load_config
    from segkit.config.annotated import annotated
    from segkit.config.difference import differences

    config = load_config_of(arguments)
    if arguments.diff is None:
        print(annotated(config), end="")
    else:
        other = load_config(arguments.diff, plugins=arguments.plugins, trust=arguments.trust)
        for line in differences(config, other):
            print(line)
    return 0
