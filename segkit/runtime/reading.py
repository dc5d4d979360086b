"""Files opened for reading, without waiting for something that is no file, and JSON read from them.

Opening a named pipe waits for somebody who writes into it, and a device such as /dev/zero never ends. A folder from
somebody else may hold one under the name of an image or a checkpoint.
"""

import errno
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""Type of what a path leads to -> its name in messages."""

_SHOWN_CHARACTERS = 40

_listeners: list[Callable[[str | os.PathLike[str]], object]] = []
"""Called with the path of each file before it is opened."""


def listen_to_reads(listener: Callable[[str | os.PathLike[str]], None]) -> None:
    """Calls `listener` with the path of each file before it is opened.

    A process that hangs in a read cannot tell the file afterwards, so it does so before.
    """
    _listeners.append(listener)


@contextmanager
def telling_reads(listener: Callable[[str | os.PathLike[str]], object]) -> Iterator[None]:
    """Calls `listener` as `listen_to_reads` does, until the block ends."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a regular file for reading.

    Raises:
        OSError: it cannot be opened, or is a folder, pipe, socket or device. `strerror` says so.

    Example:
        >>> open_file(os.devnull)
        Traceback (most recent call last):
        OSError: [Errno 22] it is a device, not a file: '/dev/null'
    """
    for listener in _listeners:
        listener(path)
    return open(path, "rb", opener=_open_regular)


def _open_regular(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a pipe would wait. On regular files, the flag has no effect.
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind == stat.S_IFREG:
        return descriptor
    os.close(descriptor)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, f"it is {SPECIAL.get(kind, 'something else')}, not a file", path)


def require_file(path: str | os.PathLike[str]) -> None:
    """Checks that a path leads to a file that can be read, for libraries that open it themselves.

    Raises:
        OSError: as `open_file`.
    """
    open_file(path).close()


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Reads a file.

    Raises:
        OSError: as `open_file`.
    """
    with open_file(path) as stream:
        return stream.read()


def read_utf8(path: str | os.PathLike[str]) -> str:
    """Reads a file of UTF-8 text.

    Raises:
        OSError: as `open_file`.
        UnicodeDecodeError: the file is in another encoding.

    Example:
        >>> read_utf8("configs/quickstart.yaml").isascii()
        True
    """
    return read_bytes(path).decode("utf-8")


def read_json(path: str | os.PathLike[str]) -> object:
    """Reads JSON in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        OSError: as `open_file`.
        ValueError: the file is no JSON, is nested too deeply, or holds a key twice in one mapping.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> file = Path(tempfile.mkdtemp()) / "a.json"
        >>> _ = file.write_text("[" * 100_000)
        >>> read_json(file)
        Traceback (most recent call last):
        ValueError: it is nested too deeply
    """
    try:
        parsed: object = json.loads(read_bytes(path), object_pairs_hook=_with_unique_keys)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return parsed


def _with_unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Makes a mapping. Python's own reader keeps the last of several values of a key."""
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        # Half a surrogate pair cannot be printed.
        shown = json.dumps(repeated, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
        cut = shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"
        raise ValueError(f"the key {cut} appears twice")
    return mapping
