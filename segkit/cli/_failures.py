"""What ended a command early: the line that is printed, and the exit code."""

import errno
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segkit.cli._exit_codes import FAILED, INTERRUPTED, PIPE_CLOSED, STOPPED, TERMINATED, WRONG_USAGE
from segkit.errors import ConfigError, SegkitError, TrainingStopped, cause_of, is_out_of_memory

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""Errors of a disk, which may come without a path."""


class Terminated(BaseException):
    """SIGTERM, what KeyboardInterrupt is for SIGINT."""


@contextmanager
def leaving_whole_files(
    folder: Path | str,
    but: str = "but not those of all images. For all, remove them and run the same command again.",
) -> Iterator[None]:
    """Says, where a signal ends the body, what the body has left in a folder, and how to go on.

    Args:
        folder: Where the body writes.
        but: Follows "the files are whole": what is missing, and what to do.

    Example:
        >>> try:
        ...     with leaving_whole_files("no_such_folder"):
        ...         raise KeyboardInterrupt
        ... except KeyboardInterrupt as interruption:
        ...     print(interruption)
        nothing was written into no_such_folder. Run the same command again.
    """
    try:
        yield
    except (KeyboardInterrupt, Terminated) as error:
        if any(one.is_file() for one in Path(folder).rglob("*")):
            error.args = (f"the files in {folder} are whole, {but}",)
        else:
            error.args = (f"nothing was written into {folder}. Run the same command again.",)
        raise


def report_failure(error: BaseException) -> int | None:
    """Prints what ended a command early, and returns the exit code.

    Args:
        error: The exception.

    Returns:
        None if the exception is a bug in segkit, which needs its traceback. Then nothing is printed.

    Example:
        >>> report_failure(KeyError("odd")) is None
        True
    """
    if isinstance(error, BrokenPipeError):
        return _end_output()
    for kinds, code in (
        (TrainingStopped, STOPPED),
        (KeyboardInterrupt, INTERRUPTED),
        (Terminated, TERMINATED),
    ):
        if isinstance(error, kinds):
            _print_line(str(_line_of(error)))
            return code
    line = _line_of(error)
    if line is not None:
        _print_line(f"error: {line}")
        return WRONG_USAGE if isinstance(error, ConfigError) else FAILED
    return None


def _print_line(line: str) -> None:
    """Prints to stderr by one write: `print` writes the end of the line on its own where Python does not buffer.

    Of processes that end together, the lines would run into each other.
    """
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _line_of(error: BaseException) -> str | None:
    if isinstance(error, SegkitError):
        return str(error)
    if isinstance(error, KeyboardInterrupt | Terminated):
        what = "terminated" if isinstance(error, Terminated) else "interrupted"
        return ": ".join([what, *map(str, error.args)])
    if is_out_of_memory(error):
        return f"there is not enough memory ({cause_of(error)}). Use smaller batches or images."
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return f"{error.strerror}. Raise the limit (`ulimit -n`), or use fewer workers."
    # A path makes it the user's affair: a full disk, a missing permission. Without one, it is a bug.
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _DISK_ERRORS):
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror or error}"
    return None


def _end_output() -> int | None:
    if not _nobody_reads():  # it is another pipe or connection
        return None
    # The rest of the output goes nowhere: Python writes it once more when it ends.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED


def _nobody_reads() -> bool:
    """Returns whether whoever read the output has ended, as `head` does when it has enough."""
    if not hasattr(select, "poll"):  # Windows
        return False
    with suppress(OSError, ValueError):  # tests replace the output by an object that is no file
        output = select.poll()
        output.register(sys.stdout.fileno(), select.POLLERR)
        return bool(output.poll(0))
    return False
