"""Checks that the files that a JSON file lists exist."""

import os
from pathlib import Path

from segkit.data.json_values import JsonEntry
from segkit.data.problems import Problems
from segkit.errors import suggest

_MOST_NAMES = 10_000
"""Among more names, searching for similar ones would take seconds."""

_LONGEST_PATH = 300
"""Characters of a path that a message shows."""


class MissingFiles:
    """Finds the listed files that do not exist. Each folder is listed once: one request per file is slow on networks.

    Args:
        folder: The folder to which names are relative.
        setting: The setting that names the folder, for messages.
        problems: Takes the problems.
    """

    def __init__(self, folder: Path, setting: str, problems: Problems) -> None:
        self._folder, self._setting, self._problems = folder, setting, problems
        self._listings: dict[str, set[str]] = {}
        self._missing: list[tuple[JsonEntry, str, str]] = []
        self._count = 0

    def add(self, entry: JsonEntry, key: str, name: str) -> None:
        """Notes a file that `key` of `entry` names."""
        self._count += 1
        parent, base = os.path.split(name)
        if parent not in self._listings:
            self._listings[parent] = _names_in(self._folder / parent)
        # The second look is for file systems that ignore the case of letters or write accents in another way.
        if base not in self._listings[parent] and not _exists(self._folder / name):
            self._missing.append((entry, key, name))

    def check(self) -> None:
        """Adds a problem for each missing file, or a single one where all are missing."""
        if self._missing and len(self._missing) == self._count > 1:
            self._problems.add(
                f"none of the {self._count} listed files is in {self._folder}; the first is "
                f"'{self._missing[0][2][:_LONGEST_PATH]}'. Point '{self._setting}' at their folder."
            )
            return
        for number, (entry, key, name) in enumerate(self._missing):
            parent, base = os.path.split(name)
            known = self._listings[parent]
            near = suggest(base, sorted(known)) if number < 10 and len(known) <= _MOST_NAMES else ""
            file = str(self._folder / name)
            file = file if len(file) <= _LONGEST_PATH else f"{file[:_LONGEST_PATH]}…"
            entry.problem(f"'{key}': there is no file {file}.{near} Restore it or correct the name.")


def _names_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as found:
            return {item.name for item in found}
    except (OSError, ValueError):
        return set()


def _exists(file: Path) -> bool:
    # ValueError: a name that holds the character 0.
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False
