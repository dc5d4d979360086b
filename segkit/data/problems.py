"""The problems of a file, or of the files of a dataset, in one message: a user shall see all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TypeVar

from segkit.errors import DataError

T = TypeVar("T")

_SHOWN = 10
"""Problems in one message: thousands of lines would hide the first."""


@dataclass
class _Found:
    """Problems that several `Problems` share."""

    lines: list[str] = field(default_factory=list)
    unread: list[Iterable[Callable[[], object]]] = field(default_factory=list)


def call_all(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Calls all of several functions, even if one fails, and returns what they return.

    Raises:
        DataError: some of them raised one. The message has the lines of all, each once.

    Example:
        >>> call_all([lambda: 1, lambda: 2])
        [1, 2]
    """
    returned: list[T] = []
    shown: list[str] = []
    lines: list[str] = []
    unread: list[Callable[[], object]] = []
    for call in calls:
        try:
            returned.append(call())
        except DataError as error:
            shown += str(error).splitlines()
            lines += error.lines
            unread += error.unread
    if lines:
        raise DataError("\n".join(dict.fromkeys(shown)), list(dict.fromkeys(lines)), unread)
    return returned


class Problems:
    """All problems of one file or folder.

    Args:
        file: The file or folder.

    Example:
        >>> problems = Problems(Path("labels"))
        >>> problems.add("the folder is empty. Fill it.")
        >>> problems.of(Path("labels/a.json")).add("shapes[0] is null, but must be a mapping.")
        >>> problems.take(DataError("labels/b.json: the file is empty. Restore it."))
        >>> problems.raise_any()
        Traceback (most recent call last):
        segkit.errors.DataError: labels: the folder is empty. Fill it.
        labels/a.json: shapes[0] is null, but must be a mapping.
        labels/b.json: the file is empty. Restore it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._found = _Found()

    def of(self, file: Path) -> Problems:
        """Returns the problems of another file, which are counted and raised together with these."""
        other = Problems(file)
        other._found = self._found
        return other

    @property
    def count(self) -> int:
        """The number of problems so far."""
        return len(self._found.lines)

    def add(self, problem: str) -> None:
        """Adds a problem, a sentence that starts with its place in the file."""
        self._found.lines.append(f"{self.file}: {problem}")

    def take(self, error: DataError) -> None:
        """Adds all problems of an error."""
        self._found.lines += error.lines
        self._found.unread.append(error.unread)

    def leave_unread(self, readers: Iterable[Callable[[], object]]) -> None:
        """Notes what reads the files of the dataset, for the error: see `DataError.unread`.

        A dataset may have many files and is seldom bad, so readers are made when there is an error.
        """
        self._found.unread.append(readers)

    def raise_any(self) -> None:
        """Raises the problems so far. The message shows ten of them, the error has all.

        Raises:
            DataError: there are problems.
        """
        lines = self._found.lines
        more = [f"{self.file}: and {len(lines) - _SHOWN} more."] if len(lines) > _SHOWN else []
        if lines:
            unread = list(chain.from_iterable(self._found.unread))
            raise DataError("\n".join([*lines[:_SHOWN], *more]), lines, unread)
