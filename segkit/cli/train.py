"""Train a model from a config, into a run folder."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from segkit.cli._arguments import add_config_arguments, add_device_argument

    add_config_arguments(parser)
    parser.add_argument("--output", metavar="DIR", help="the run folder (default: in runs/, named like the config)")
    parser.add_argument("--resume", action="store_true", help="continue the run in --output, or the newest one")
    parser.add_argument("--reset-head", action="store_true", help="with init_from: start with a new class head")
    add_device_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from segkit.cli._arguments import load_config_of
    from segkit.training.train import train

    config = load_config_of(arguments, ["reset_head=true"] if arguments.reset_head else [])
    train(config, arguments.output, arguments.resume, device=arguments.device)
    return 0
