"""Train what a config describes, into a run's folder."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from segkit.cli._arguments import add_config_arguments

    add_config_arguments(parser)
    parser.add_argument("--output", metavar="DIR", help="the run's folder (default: runs/, named like the config)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --output, or with the newest one")
    parser.add_argument("--reset-head", action="store_true", help="with init_from: start the class head anew")


def run(arguments: argparse.Namespace) -> int:
    from segkit.cli._arguments import load_config_of
    from segkit.training.loop import train

    config = load_config_of(arguments, ["reset_head=true"] if arguments.reset_head else [])
    train(config, arguments.output, arguments.resume)
    return 0
