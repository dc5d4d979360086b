"""The console command `segkit`: finds the commands in this folder and runs the one that is asked for."""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

import segkit.cli
from segkit import __version__
from segkit.errors import ConfigError, SegkitError
from segkit.runtime.allocation import keep_freed_memory


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    A SegkitError is told without a traceback (exit code 2), since its message says all; any other exception is a fault
    of segkit's and keeps its own. Wrong arguments end the process as argparse does.
    """
    arguments = _parse(argv)
    return run_command(arguments.run, arguments)


def run_command(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """The exit code of one command; a SegkitError that it raises is printed, and is exit code 2."""
    keep_freed_memory()
    try:
        return run(arguments)
    except ConfigError as error:  # its lines say themselves where they come from
        print(error, file=sys.stderr)
        return 2
    except SegkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def commands() -> dict[str, ModuleType]:
    """The modules of this folder by command. A file `do_it.py` is the command `do-it`.

    Each has a docstring whose first line is its help, `add_arguments(parser)` and `run(arguments) -> exit code`, and
    imports what is slow to import in `run` only.
    """
    found = sorted(module.name for module in pkgutil.iter_modules(segkit.cli.__path__))
    names = [name for name in found if name != "main" and not name.startswith("_")]
    return {name.replace("_", "-"): importlib.import_module(f"segkit.cli.{name}") for name in names}


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="segkit", description="Image segmentation by mask classification.")
    parser.add_argument("--version", action="version", version=f"segkit {__version__}")
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    parsers = {}
    for name, module in commands().items():
        help_line = (module.__doc__ or "").partition("\n")[0]
        parsers[name] = choices.add_parser(name, help=help_line, description=help_line)
        parsers[name].set_defaults(run=module.run)
        module.add_arguments(parsers[name])
    arguments, rest = parser.parse_known_args(argv)
    # argparse gives up on overrides that stand behind an option.
    overrides = getattr(arguments, "overrides", None)
    if overrides is not None:
        overrides += [word for word in rest if not word.startswith("-")]
        rest = [word for word in rest if word.startswith("-")]
    if rest:
        parsers[arguments.command].error(f"unrecognized arguments: {' '.join(rest)}")
    return arguments
