"""The nodes of a config: values that know the file and line they come from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from segkit.errors import ConfigError
from segkit.runtime import yaml_nodes

TOO_DEEP = f"{yaml_nodes.TOO_DEEP}. Make the config flatter."

Value: TypeAlias = Any
"""What YAML can hold: None, bool, int, float, str, and lists and dicts with text keys of these.

A checked value has the type of its setting's annotation (then lists may be tuples), which a static type cannot express.
"""


Annotation: TypeAlias = Any
"""A type or a typing form such as `int | None`; Python has no static type for all of these."""


@dataclass(frozen=True, order=True)
class Origin:
    """Where a value or key was written."""

    file: str
    line: int | None = None
    """Counted from 1; None where there are no lines, as on the command line."""
    foreign: bool = field(default=False, compare=False)
    """True for a plugin that the config of a run or checkpoint names. Somebody else may have written it."""

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"

    @property
    def folder(self) -> str:
        """The folder that relative paths written here are relative to; empty for the working directory."""
        return "" if self == COMMAND_LINE else os.path.dirname(self.file)


COMMAND_LINE = Origin("<command line>")


@dataclass(frozen=True)
class Scalar:
    value: str | int | float | bool | None
    origin: Origin


@dataclass(frozen=True)
class Sequence:
    items: list[Node]
    origin: Origin


@dataclass(frozen=True)
class Mapping:
    items: dict[str, Node]
    origin: Origin
    keys: dict[str, Origin] = field(default_factory=dict)
    """Where each key was written; a nested value starts on a later line."""
    dropped: dict[str, Origin] = field(default_factory=dict)
    """The keys of the mappings of another `type` that this mapping replaced."""


Node = Scalar | Sequence | Mapping


def shown(node: Node) -> str:
    """Returns a value as error messages show it: as YAML spells it, collections by their kind."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if node.value is None or isinstance(node.value, bool):
        return {None: "null", True: "true", False: "false"}[node.value]
    return shortened(repr(node.value))


def join_path(path: str, key: str | int) -> str:
    """Returns the path of a value inside the mapping or list at `path`, which is empty at the top of a config."""
    return f"{path}.{key}" if path else str(key)


def shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"


def spacing(node: Node) -> str:
    """Returns a remedy for a string that looks like a key or list item without the space that YAML requires."""
    text = node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    # Not `https://…`, which is text.
    if re.match(r"\w+:[^\s/]", text):
        return " Put a space after the ':'."
    return " Put a space after the '-'." if re.match(r"-\w", text) else ""


def _printable(text: str) -> str:
    """Escapes invisible characters: without that, a key with a no-break space looks right."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


_LONGEST_LINE = 20_000
"""Characters of a problem's line: some list the names of all parts."""


@dataclass(frozen=True)
class Problem:
    """One line of a ConfigError: the location, the dotted path of the key (may be empty) and the message."""

    origin: Origin
    path: str
    message: str

    def __str__(self) -> str:
        # Long keys and values of a config would fill the screen.
        message = re.sub(r"\s*\n\s*", " ", self.message[: _LONGEST_LINE + 1].strip())
        line = ": ".join(part for part in (str(self.origin), self.path, message) if part)
        return _printable(line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…")


def config_error(problems: Iterable[Problem]) -> ConfigError:
    """Returns the error of some problems, which it keeps."""
    # Messages go by file and line; problems of one line stay in the order in which they were found.
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: (problem.origin.file, problem.origin.line or 0))
    return ConfigError("\n".join(str(problem) for problem in ordered), ordered)


def problem(origin: Origin, path: str, message: str) -> ConfigError:
    """Returns the error of a single problem."""
    return config_error([Problem(origin, path, message)])


def problems_of(error: ConfigError) -> list[Problem]:
    """Returns the problems of an error; the message of one that keeps none becomes a problem without a location."""
    kept = [problem for problem in error.problems if isinstance(problem, Problem)]
    return kept or [Problem(Origin(""), "", str(error))]
