"""What to write in place of a wrong value, where that is clear from the value and the types its setting takes."""

import math
from collections.abc import Mapping
from typing import Literal

from segkit.config.nodes import Annotation, Node, Scalar, spacing
from segkit.errors import suggest

Wanted = Mapping[Annotation, tuple[Annotation, ...]]
"""The types that a setting takes, each with its arguments: `{float: (), Literal: ("auto",)}`."""

SCALARS = (bool, int, float, str, type(None), Literal)
BOOLEANS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}


def remedy(node: Node, wanted: Wanted) -> str:
    """Returns a sentence to append to the error message, or an empty string."""
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, str):
        # `-a` or `key:value` where a list or mapping is expected: YAML read it as text.
        for_collection = any(one not in SCALARS for one in wanted)
        return _of_string(value, wanted) or (spacing(node) if for_collection else "")
    if int in wanted and isinstance(value, float) and value.is_integer():
        return f" Write {int(value)}."
    if float in wanted and isinstance(value, float) and not math.isfinite(value):
        return " Write a finite one."
    # An int that a float setting refuses is one that no float can hold.
    if float in wanted and type(value) is int:
        return " It is too large."
    if str in wanted and value is not None:
        return " Put it in quotes."
    return ""


def _of_string(text: str, wanted: Wanted) -> str:
    near = suggest(text, [choice for choice in wanted.get(Literal, ()) if isinstance(choice, str)])
    if near:
        return near
    if bool in wanted and text.lower() in BOOLEANS:
        return f" Write {BOOLEANS[text.lower()]}, without quotes."
    if type(None) in wanted and text.lower() in ("none", "nil", "null"):
        return " Write null, without quotes."
    number = _number(text)
    if isinstance(number, int) and (int in wanted or float in wanted):
        return f" Write {number}, without quotes."
    if isinstance(number, float) and float in wanted and math.isfinite(number):
        return f" Write {number}, without quotes."
    return ""


def _number(text: str) -> int | float | None:
    # int first, since float reads integers too.
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
