"""The names of the classes, recorded within the weights: a list beside them could be put into another order."""

import json
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open

from segkit.runtime.reading import require_file

_KEY = "classes"
"""Of the metadata of a safetensors file."""


def class_record(names: Sequence[str]) -> dict[str, str]:
    """Returns the metadata of a safetensors file for a model of these classes, in the order of its outputs.

    Example:
        >>> class_record(["road", "car"])
        {'classes': '["road", "car"]'}
    """
    return {_KEY: json.dumps(list(names))}


def recorded_classes(file: Path) -> list[str] | None:
    """Returns the names that a safetensors file records; None where it is damaged, or of an earlier version of segkit.

    Example:
        >>> recorded_classes(Path("missing.safetensors")) is None
        True
    """
    try:
        require_file(file)
        with safe_open(file, "pt") as opened:
            names = json.loads((opened.metadata() or {})[_KEY])
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError):
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None
