"""Train a model from a config, into a run folder."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from segkit.cli._exit_codes import DONE, FAILED
from segkit.cli._failures import Terminated
from segkit.errors import TrainingStopped

if TYPE_CHECKING:
    from segkit.config import Config


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
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="try the config for about a minute, and tell what would go wrong, memory, time and disk; nothing is kept",
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
    if arguments.dry_run:
        useless = [("--resume", arguments.resume), ("--max-time", arguments.max_time is not None)]
        refuse_beside("--dry-run", useless, "It ends after about a minute and makes no run.")
    # An override, so that the run records it in its config.
    config = load_config_of(arguments, ["reset_head=true"] if arguments.reset_head else [])
    if arguments.dry_run:
        return _try(config, arguments)
    try:
        train(config, arguments.output, arguments.resume, max_time=arguments.max_time, device=arguments.device)
    except Terminated:
        # Between its first step and its last, a training handles the signal itself.
        raise TrainingStopped(
            "stopped by SIGTERM before the first step or after the last one. The same command with --resume goes on."
        ) from None
    return DONE


def _try(config: Config, arguments: argparse.Namespace) -> int:
    """Prints what a preflight finds. Returns exit code 1 if something is wrong."""
    from rich.console import Console
    from rich.table import Table

    from segkit.training.preflight import preflight

    print(f"{config.path}: is tried, which takes about a minute; nothing is kept", flush=True)
    findings = preflight(config, arguments.output, device=arguments.device)
    table = Table("about", "", "found")
    for finding in findings:
        table.add_row(finding.about, finding.verdict, finding.text)
    Console(markup=False, highlight=False).print(table)
    return FAILED if any(finding.verdict == "wrong" for finding in findings) else DONE
