"""Check configs without building anything: print OK, or all problems."""

import argparse
import os

from segkit.cli._arguments import add_trust_arguments
from segkit.errors import ConfigError, SegkitError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        metavar="CONFIG",
        nargs="+",
        help="a YAML file, or the folder of a run or checkpoint; key=value overrides a setting of every config",
    )
    # `main` appends the words behind an option to `overrides`. argparse does not collect them.
    parser.set_defaults(overrides=[])
    add_trust_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Returns exit code 1 if any config is wrong."""
    from segkit.config import load_config

    words = [*arguments.words, *arguments.overrides]
    overrides = [word for word in words if _is_override(word)]
    configs = [word for word in words if word not in overrides]
    if not configs:
        raise SegkitError(f"'{words[0]}' is an override. Name a config as well.")
    wrong = 0
    for config in configs:
        try:
            load_config(config, overrides, arguments.plugins, trust=arguments.trust)
        except ConfigError as error:
            print(error)
            print(f"{config}: {_counted(len(str(error).splitlines()))}")
            wrong += 1
        else:
            print(f"{config}: OK")
    return 1 if wrong else 0


def _is_override(word: str) -> bool:
    # Folders of sweeps have names like `seed=1`, so a word that exists is a config, and so is a missing YAML file.
    return "=" in word and not os.path.exists(word) and not word.endswith((".yaml", ".yml"))


def _counted(problems: int) -> str:
    return "1 problem" if problems == 1 else f"{problems} problems"
