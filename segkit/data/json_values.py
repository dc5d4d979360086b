"""Values read from JSON files: every value is converted by a strict rule or refused with its place.

JSON files come from many tools, which write numbers as text, flags as text and whole numbers as 48.0. What a value
spells is read. Everything else is a problem: Python's own conversions would take `bool("0")` for True and `int("1_0")`
for 10. `JsonEntry` reads the values of one mapping and collects the problems of the whole file, so that a user sees all
of them at once.
"""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from segkit.data.problems import Problems
from segkit.errors import DataError, suggest
from segkit.runtime import reading

Id = int | str
"""An identifier of an image: COCO allows numbers and text."""

T = TypeVar("T")
Default = TypeVar("Default")
Convert = Callable[[object], T]
"""Converts one JSON value. Raises a `NotThisError` that says what is needed."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_LARGEST_ID = 2**63 - 1
_LARGEST_EXACT_FLOAT = 2**53
"""Beyond it, a float does not hold every whole number, so that an id would change without notice."""

_MOST_PIXELS = 2**31 - 1
"""Of an image: run lengths are 32-bit numbers."""

_SHOWN_CHARACTERS = 40


class NotThisError(ValueError):
    """A value does not follow the rule of its converter. The text completes "… but must be"."""


class JsonEntry:
    """One mapping of a JSON file. Each value that is read is converted; problems are added to `problems`.

    Args:
        value: The parsed JSON value; anything but a mapping is a problem, and the entry has no keys then.
        place: The place in the file, such as `annotations[3]`. The entry's id is added to it.
        problems: Takes the problems.
        needed: What the value may be, for the problem.

    Example:
        >>> problems = Problems(Path("a.json"))
        >>> entry = JsonEntry({"id": 7, "height": "48.0", "iscrowd": "no"}, "images[0]", problems)
        >>> entry.required("height", as_integer), entry.optional("iscrowd", as_flag, False)
        (48, False)
        >>> problems.raise_any()
        Traceback (most recent call last):
        segkit.errors.DataError: a.json: images[0] (id 7): 'iscrowd' is "no", but must be 0 or 1. Correct it \
or leave it out.
    """

    __slots__ = ("_place", "_problems", "is_mapping", "values")

    def __init__(self, value: object, place: str, problems: Problems, needed: str = "a mapping") -> None:
        self.is_mapping = isinstance(value, dict)
        self.values: dict[str, object] = value if isinstance(value, dict) else {}
        self._place, self._problems = place, problems
        if not self.is_mapping:
            problems.add(f"{place} is {shown(value)}, but must be {needed}. Correct or remove it.")

    @property
    def place(self) -> str:
        """The place in the file, with the entry's own id where it has one."""
        own = self.values.get("id")
        return self._place if own is None else f"{self._place} (id {shown(own)})"

    def place_in(self, whole: Path) -> str:
        """Returns the place within a file or folder: with the name of the file where `whole` is a folder."""
        file = self._problems.file
        return self.place if file == whole else f"{file.relative_to(whole)}: {self.place}"

    def problem(self, text: str) -> None:
        """Adds a problem of this entry."""
        self._problems.add(f"{self.place}: {text}")

    def required(self, key: str, convert: Convert[T]) -> T | None:
        """Returns the converted value of `key`. Where it is missing or wrong, adds a problem and returns None."""
        if key in self.values:
            return self._converted(key, convert, None, "Correct it.")
        if self.is_mapping:
            self.problem(f"there is no '{key}'.{suggest(key, self.values)} Add it.")
        return None

    def optional(self, key: str, convert: Convert[T], default: Default) -> T | Default:
        """Returns the converted value of `key`, or `default` where it is missing or null."""
        if self.values.get(key) is None:
            return default
        return self._converted(key, convert, default, "Correct it or leave it out.")

    def _converted(self, key: str, convert: Convert[T], default: Default, remedy: str) -> T | Default:
        value = self.values[key]
        try:
            return convert(value)
        except NotThisError as needed:
            self.problem(f"'{key}' is {shown(value)}, but must be {needed}. {remedy}")
            return default


def read_json(file: Path) -> object:
    """Parses a JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        DataError: the file cannot be read, is no JSON, or holds a key twice in one mapping.
    """
    try:
        return reading.read_json(file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{file}: cannot read JSON ({reason}). Restore the file or correct the path.") from None


def shown(value: object) -> str:
    """Returns a JSON value as an error message shows it: text in quotes, long values cut off.

    Example:
        >>> shown("0"), shown(0), shown([0, 1]), shown(None)
        ('"0"', '0', 'a list of 2', 'null')
    """
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, dict):
        return "a mapping"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except ValueError:  # Python refuses to write numbers of thousands of digits
        return "a number of thousands of digits"
    # Half a surrogate pair cannot be printed.
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def as_integer(value: object) -> int:
    """Converts 48, 48.0, "48" and "48.0" to 48.

    Example:
        >>> as_integer("0"), as_integer(48.0)
        (0, 48)
    """
    if type(value) is int and -_LARGEST_ID <= value <= _LARGEST_ID:
        return value
    needed = NotThisError("a whole number")
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not -_LARGEST_ID <= value <= _LARGEST_ID:
            raise NotThisError("a whole number of at most 64 bits")
        return value
    try:
        number = as_number(value)
    except NotThisError:
        raise needed from None
    if number != math.floor(number) or abs(number) > _LARGEST_EXACT_FLOAT:
        raise needed
    return int(number)


def as_positive(value: object) -> int:
    """Converts as `as_integer` does. 0 and negative numbers are refused."""
    try:
        number = as_integer(value)
    except NotThisError:
        number = 0
    if number < 1:
        raise NotThisError("a whole number of at least 1")
    return number


def as_number(value: object) -> float:
    """Converts 1.5, "1.5" and "1e3" to a finite float.

    Example:
        >>> as_number("480.0"), as_number(2)
        (480.0, 2.0)
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotThisError("a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise NotThisError("a finite number")
    return number


def as_area(value: object) -> float:
    """Converts a number of pixels as `as_number` does."""
    number = as_number(value)
    if not 0 <= number <= _MOST_PIXELS:
        raise NotThisError(f"a number of pixels from 0 to {_MOST_PIXELS}")
    return number


_FLAGS: dict[tuple[type, object], bool] = {
    (int, 0): False,
    (int, 1): True,
    (float, 0.0): False,
    (float, 1.0): True,
    (bool, False): False,
    (bool, True): True,
    (str, "0"): False,
    (str, "1"): True,
}


def as_flag(value: object) -> bool:
    """Converts 0, 1, 0.0, 1.0, true, false, "0" and "1". Anything else is refused.

    Example:
        >>> as_flag("0"), as_flag(1)
        (False, True)
    """
    # Lists and mappings cannot be looked up.
    flag = _FLAGS.get((type(value), value)) if isinstance(value, int | float | str) else None
    if flag is None:
        raise NotThisError("0 or 1")
    return flag


def as_text(value: object) -> str:
    """Accepts text that is not blank and can be printed."""
    if not isinstance(value, str) or not value.strip():
        raise NotThisError("text that is not blank" if isinstance(value, str) else "text")
    # Half a surrogate pair cannot be printed or written, and line breaks would tear tables and messages apart.
    if _UNPRINTABLE.search(value):
        raise NotThisError("text without control characters and half characters")
    return value


def as_id(value: object) -> Id:
    """Converts a number as `as_integer` does; text stays text, since "007" and "7" may be two ids."""
    try:
        return as_text(value) if isinstance(value, str) else as_integer(value)
    except NotThisError as needed:
        raise NotThisError(str(needed) if isinstance(value, str) else f"{needed} or text") from None


def is_padded(text: str) -> bool:
    """Returns whether a text spells a number with leading zeros, as file names do. As an id, it stays text.

    Example:
        >>> is_padded("007"), is_padded("7"), is_padded("0"), is_padded("0.5")
        (True, False, False, False)
    """
    return re.fullmatch(r"[+-]?0+[0-9]+", text.strip()) is not None


def as_list(value: object) -> list[object]:
    """Accepts a list."""
    if not isinstance(value, list):
        raise NotThisError("a list")
    return value
