"""Files and folders that are replaced only once they are complete, and JSON values."""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from segkit.errors import WriteError
from segkit.runtime.reading import SPECIAL

WRITING = ".writing"
"""The suffix of what is not complete yet. It is left behind only by a process that was killed."""

_OLD = ".old"

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | float | None"
"""A value that JSON can hold, NaN excepted; `float` includes `int` and `bool`."""


@contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turns an OSError, such as that of a full disk, into an error message that names `path`.

    Raises:
        WriteError: The body raised an OSError.

    Example:
        >>> with explain_write_errors(Path("a.txt")):
        ...     raise OSError(28, "No space left on device")
        Traceback (most recent call last):
            ...
        segkit.errors.WriteError: a.txt: cannot be written (No space left on device).
    """
    try:
        yield
    except OSError as error:
        cause = error.strerror or error
        if isinstance(error, FileExistsError):  # raised where a missing folder is made
            what = "a file" if os.path.exists(error.filename) else "a link that leads nowhere"
            cause = f"{error.filename} is {what}, not a folder"
        raise WriteError(f"{path}: cannot be written ({cause}).") from error


@contextmanager
def replace_file(path: Path, durable: bool = True, shared: bool = False) -> Iterator[Path]:
    """Yields a file name beside `path` to write to, and moves the file to `path` at the end.

    Until then an earlier file stays as it is. After an error, it is kept and the incomplete file is removed. A missing
    folder is made. Only files are replaced: not a folder, pipe or device, nor what a link leads to.

    Args:
        path: The file.
        durable: Wait until the file is on the disk, so that a power failure leaves either file whole. That takes
            milliseconds: leave it out for files of which there are many, and which are easily made again.
        shared: Other processes may write the same file at the same time. Each then has a file of its own to write to,
            and the last one stays.

    Raises:
        WriteError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with replace_file(path) as draft:
        ...     _ = draft.write_text("complete")
        >>> path.read_text()
        'complete'
    """
    own = f".{secrets.token_hex(4)}" if shared else ""
    draft = path.with_name(f"{path.name}{own}{WRITING}")
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_special(path)
        try:
            yield draft
            if durable:
                sync(draft)
            draft.replace(path)
            if durable:
                sync(path.parent)
        finally:
            draft.unlink(missing_ok=True)


def _refuse_special(path: Path) -> None:
    """Raises an OSError for what must not be replaced by a file: as administrator, one could replace /dev/null."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError:
        return
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if kind in SPECIAL:
        raise OSError(errno.EINVAL, f"it is {SPECIAL[kind]}, not a file", path)


def require_folder(path: Path) -> None:
    """Checks that a folder can be made, or written into if it is there. For outputs that come after long work.

    Raises:
        WriteError: It cannot.

    Example:
        >>> require_folder(Path("/dev/null/results"))
        Traceback (most recent call last):
        segkit.errors.WriteError: /dev/null/results: cannot be written (/dev/null is not a folder).
    """
    with explain_write_errors(path):
        there = next(one for one in (path, *path.absolute().parents) if os.path.lexists(one))
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{there} is not a folder", path)
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"{there} may not be written into", path)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yields a new folder beside `path` to write into, and moves it to `path` at the end.

    An earlier folder is replaced only then. After an error nothing has changed. The files are on the disk before the
    folder has its name, so that a power failure leaves either the earlier folder or the new one. Their permissions are
    those that the umask gives to new files.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "checkpoint"
        >>> with replace_folder(path) as draft:
        ...     _ = (draft / "weights").write_text("complete")
        >>> [file.name for file in path.iterdir()]
        ['weights']
    """
    recover_folder(path)
    place = _resolved(path)
    draft, old = _beside(place)
    draft.mkdir(parents=True)
    try:
        yield draft
        # Some writers, such as that of safetensors, make files that only their owner can read. Others may read them
        # if they may read the folder, which Python has made as the umask says.
        permissions = draft.stat().st_mode & 0o666
        for file in draft.rglob("*"):
            if file.is_file():
                file.chmod(permissions)
            sync(file)
        sync(draft)
        if place.exists():  # a folder that is not empty cannot be replaced in one step
            place.rename(old)
        draft.rename(place)
        sync(place.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Tidies up after a process that was killed in `replace_folder`: completes the replacement, or undoes it."""
    place = _resolved(path)
    draft, old = _beside(place)
    if old.exists() and not place.exists():
        # It was killed between the two renames, so the draft is complete.
        (draft if draft.exists() else old).rename(place)
    for left in (draft, old):
        shutil.rmtree(left, ignore_errors=True)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # the second one of Python before 3.13
        raise WriteError(f"{path}: cannot be written (it is a link that leads to itself).") from error


def _beside(place: Path) -> tuple[Path, Path]:
    return place.with_name(place.name + WRITING), place.with_name(place.name + _OLD)


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def without_nan(value: Json) -> Json:
    """Returns `value` with `None` in the place of NaN, which JSON does not have.

    Example:
        >>> without_nan({"ap": {"small": float("nan"), "large": 0.5}})
        {'ap': {'small': None, 'large': 0.5}}
    """
    if isinstance(value, Mapping):
        return {name: without_nan(one) for name, one in value.items()}
    if isinstance(value, list):
        return [without_nan(one) for one in value]
    return None if value != value else value
