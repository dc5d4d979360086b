"""Files and folders that are replaced only once they are complete, and JSON values."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

WRITING = ".writing"
"""The suffix of what is not complete yet. It is left behind only by a process that was killed."""

_OLD = ".old"

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | float | None"
"""A value that JSON can hold, NaN excepted; `float` includes `int` and `bool`."""


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yields a file name beside `path` to write to, and moves the file to `path` at the end.

    Until then an earlier file stays as it is. After an error, it is kept and the incomplete file is removed. A missing
    folder is made.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with replace_file(path) as draft:
        ...     _ = draft.write_text("complete")
        >>> path.read_text()
        'complete'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + WRITING)
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yields a new folder beside `path` to write into, and moves it to `path` at the end.

    An earlier folder is replaced only then. After an error nothing has changed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "checkpoint"
        >>> with replace_folder(path) as draft:
        ...     _ = (draft / "weights").write_text("complete")
        >>> [file.name for file in path.iterdir()]
        ['weights']
    """
    place = path.resolve()
    draft, old = place.with_name(place.name + WRITING), place.with_name(place.name + _OLD)
    shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed
    draft.mkdir(parents=True)
    try:
        yield draft
        if place.exists():  # a folder that is not empty cannot be replaced in one step
            shutil.rmtree(old, ignore_errors=True)
            place.rename(old)
        draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


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
