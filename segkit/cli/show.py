"""Show a config as resolved, with where each value comes from."""

import argparse

from segkit.cli._arguments import add_config_arguments, load_config_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from segkit.config.annotated import annotated

    print(annotated(load_config_of(arguments)), end="")
    return 0
