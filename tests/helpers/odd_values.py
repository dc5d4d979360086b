"""Odd values for every place of a JSON file, and what each means there, decided without segkit's own reader."""

import copy
import json
import math
from typing import Any

Path = tuple[str | int, ...]
"""Keys and indices that lead to a place in parsed JSON."""

ODD_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 255, 256, 300),
    *(0.0, 1.0, -0.0, 0.5, 1.5, -1.5, 1e-300, 1e300, float("nan"), float("inf"), float("-inf")),
    *(2**24, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400),
    *("", " ", "0", "1", "2", "-1", "1.5", "1.0", " 1 ", "01", "1e0", "1e400", "nan", "inf", "Infinity", "1_0", "0x1"),
    *(
        "true",
        "false",
        "True",
        "no",
        "null",
        "x",
        "a b",
        "é",
        "\u0661",
        "\ud800",
        "\x00",
        "../x",
        "/",
        ".",
        "#12",
        "y" * 9999,
    ),
    *([], [0], [1], [0, 0], [None], [[]], [[[]]], ["1"], [1, 2, 3], [[1, 2, 3]]),
    *({}, {"a": 1}, {"id": 1}, {"name": "x"}, {"size": [2, 2], "counts": [4]}),
]

REFUSED = object()
"""The meaning of a value that must be an error."""


def replaced(data: Any, path: Path, value: Any) -> Any:
    """Returns a copy of parsed JSON with another value at a place."""
    if not path:
        return value
    changed = copy.deepcopy(data)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return changed


def number_meant(value: Any) -> Any:
    """Returns the finite number that a value is or spells."""
    if isinstance(value, str):
        spelled = {"01": "1"}.get(value, value.strip())
        try:
            value = json.loads(spelled)
        except ValueError:
            return REFUSED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return REFUSED
    return value if abs(value) < 1e308 and not math.isnan(value) else REFUSED


def integer_meant(value: Any, low: int = -(2**63), high: int = 2**63 - 1) -> Any:
    """Returns the whole number in a range that a value is or spells."""
    number = number_meant(value)
    if number is REFUSED or number != math.floor(number) or not low <= number <= high:
        return REFUSED
    return REFUSED if isinstance(number, float) and abs(number) > 2**53 else int(number)


def category_meant(value: Any) -> Any:
    """Returns the whole number that is or spells the id of a category. Text with leading zeros is another id."""
    return REFUSED if value == "01" else integer_meant(value)


def flag_meant(value: Any) -> Any:
    """Returns the flag that a value means."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | str) and str(value) in ("0", "1"):
        return int(value)
    if isinstance(value, float) and value in (0.0, 1.0):
        return int(value)
    return REFUSED


def text_meant(value: Any) -> Any:
    """Returns text that is not blank and can be printed."""
    return value if isinstance(value, str) and value.strip() and value not in ("\ud800", "\x00") else REFUSED


def id_meant(value: Any) -> Any:
    """Returns a whole number or text."""
    return text_meant(value) if isinstance(value, str) else integer_meant(value)
