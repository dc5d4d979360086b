"""The console command `segkit`: finds the commands in this folder and runs one of them."""

import argparse
import importlib
import pkgutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, ModuleType

import segkit.cli
from segkit import __version__
from segkit.cli._exit_codes import STOPPED
from segkit.cli._failures import Terminated, report_failure
from segkit.cli._once import StoreOnce
from segkit.errors import DataWarning
from segkit.runtime.allocation import keep_freed_memory
from segkit.runtime.terminal_lines import fitted_to


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    A SegkitError, or an error of the file system, is printed without a traceback. Any other exception is a bug in
    segkit and keeps its traceback. Wrong arguments end the process, as argparse does. `segkit.cli._exit_codes` lists
    the exit codes.

    Args:
        argv: The words after `segkit`; by default those of the command line.
    """
    arguments = _parse(argv)
    return run_command(arguments.run, arguments)


def run_command(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Runs a command function and returns the exit code, as `main` describes."""
    keep_freed_memory()
    # Restored at the end: tests and notebooks call `main` in their own process.
    in_full = warnings.formatwarning
    warnings.formatwarning = format_warning
    try:
        with _sigterm_raises(), warnings.catch_warnings():
            # Pillow warns of odd metadata, which segkit does not read, without the name of the file.
            warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
            warnings.filterwarnings("ignore", message="Image size", module=r"PIL\.")
            # In training by several processes. The strides of 1x1 convolutions differ, the order in memory does not.
            warnings.filterwarnings("ignore", message="Grad strides do not match")
            code = run(arguments)
            sys.stdout.flush()  # a full disk or a closed pipe shows here, and not behind the last line of Python
    except BaseException as error:
        failed = report_failure(error)
        if failed is None:  # a bug in segkit
            raise
        if failed != STOPPED:  # some processes may still work; their launcher ends them
            return failed
        code = failed
    finally:
        warnings.formatwarning = in_full
    _leave_processes()  # not above: while the error is there, it holds the model and with it the connection
    return code


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Raises `Terminated` at a SIGTERM, so that files are completed or removed as at Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():  # Python allows signal handlers there only
        yield
        return
    earlier = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _leave_processes() -> None:
    """Disconnects from the other processes, if the command used any."""
    processes = sys.modules.get("segkit.runtime.processes")  # not imported here: most commands need no torch
    if processes is not None:
        processes.leave_processes()


def format_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Returns the line that a warning is printed as. Where in the code it arose means something to programmers only.

    Example:
        >>> format_warning("images: not read: 1 file.", UserWarning, "a.py", 7)
        'warning: images: not read: 1 file.\\n'
    """
    if category in (UserWarning, DataWarning):
        return fitted_to(sys.stderr, f"warning: {message}") + "\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"


def commands() -> dict[str, ModuleType]:
    """Imports the modules of this folder and returns them by command; the file `do_it.py` is the command `do-it`.

    The first line of a module's docstring is the help of its command. A module has `add_arguments(parser)` and
    `run(arguments) -> exit code`. It imports slow modules inside `run`, so that `segkit --help` is fast.
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
        parsers[name].register("action", None, StoreOnce)
        parsers[name].set_defaults(run=module.run)
        module.add_arguments(parsers[name])
    arguments, rest = parser.parse_known_args(argv)
    # argparse does not collect overrides behind an option; they are left in `rest`.
    overrides = getattr(arguments, "overrides", None)
    if overrides is not None:
        overrides += [word for word in rest if not word.startswith("-")]
        rest = [word for word in rest if word.startswith("-")]
    if rest:
        # The parser of the command, so that its own usage line is printed.
        parsers[arguments.command].error(f"unrecognized arguments: {' '.join(rest)}")
    return arguments
