"""Train a model from a config, into a run folder."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from segkit.cli._arguments import add_config_arguments, add_device_argument
    from segkit.cli._types import duration, not_empty

    add_config_arguments(parser)
    parser.add_argument(
        "--output", type=not_empty, metavar="DIR", help="the run folder (default: in runs/, named like the config)"
    )
    parser.add_argument("--resume", action="store_true", help="continue the run in --output, or the newest one")
    parser.add_argument(
        "--max-time",
        type=duration,
        metavar="TIME",
        help="save and stop early enough to end within TIME, such as 3h30m, 90m, 3600, 12:30:00 or 1-12:00:00 (exit "
        "code 75: go on with --resume)",
    )
    parser.add_argument("--reset-head", action="store_true", help="with init_from: start all classes anew")
    add_device_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from segkit.cli._arguments import load_config_of
    from segkit.cli._unused import refuse_beside
    from segkit.training.train import train

    if arguments.resume:
        settings = [override.partition("=")[0] for override in arguments.overrides]
        useless = [
            ("--reset-head", arguments.reset_head),
            *((name, name in settings) for name in ("init_from", "class_map", "reset_head")),
        ]
        refuse_beside("--resume", useless, "A resumed training starts from its own newest checkpoint.")
    # An override, so that the run records it in its config.
    config = load_config_of(arguments, ["reset_head=true"] if arguments.reset_head else [])
    train(config, arguments.output, arguments.resume, max_time=arguments.max_time, device=arguments.device)
    return 0
