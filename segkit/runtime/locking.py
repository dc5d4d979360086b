"""A lock on a folder that the death of its process releases."""

import errno
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from segkit.errors import SegkitError
from segkit.runtime.reading import read_json
from segkit.runtime.writing import explain_write_errors

LOCK_FILE = ".lock"
"""In a folder that is locked. It names the holder; a file that a killed process left behind locks nothing."""


class FolderTakenError(SegkitError):
    """Another process holds the lock of a folder."""


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Holds the lock of `folder`, which is made if it is missing.

    The operating system releases the lock when the process ends, however it ends.

    Raises:
        FolderTakenError: Another process holds the lock. The message names it.
        WriteError: The folder cannot be made or written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "run"
        >>> with lock_folder(folder):
        ...     sorted(file.name for file in folder.iterdir())
        ['.lock']
        >>> list(folder.iterdir())
        []
    """
    file = folder / LOCK_FILE
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _open_locked(file)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(_holder()).encode())
    _HELD.add(descriptor)
    try:
        yield
    finally:
        _HELD.discard(descriptor)
        # While the lock is held, so that nobody's new lock is removed.
        with suppress(OSError):
            file.unlink()
        os.close(descriptor)


def _open_locked(file: Path) -> int:
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _lock(descriptor):
                raise FolderTakenError(f"{file.parent}: another process is using this folder{_described(file)}.")
            # The earlier holder may have removed the file between the two calls: then this lock is worth nothing.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(file)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _holder() -> dict[str, str | int]:
    return {
        "pid": os.getpid(),
        "host": platform.node(),
        "since": datetime.now().astimezone().isoformat(" ", timespec="seconds"),
    }


def _described(file: Path) -> str:
    """Returns `: process 12 on host a since 2025-01-01 …`; an empty string where the file does not tell."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        holder: Any = read_json(file)
        return f": process {holder['pid']} on {holder['host']} since {holder['since']}"
    return ""


try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    def _lock(descriptor: int) -> bool:
        """Locks a file without waiting; returns whether that was possible."""
        try:
            # Locked bytes cannot be read by others, so a byte far behind the holder's name is locked.
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True
else:

    def _lock(descriptor: int) -> bool:
        """Locks a file without waiting; returns whether that was possible."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            # Some network file systems have no locks. A training there is better than none.
            return error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
        return True


_HELD: set[int] = set()
"""Descriptors of the locks of this process."""


def _close_in_child() -> None:
    """Closes the descriptors that a forked loader worker inherits: it must not keep the lock of a killed training."""
    for descriptor in _HELD:
        with suppress(OSError):
            os.close(descriptor)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
