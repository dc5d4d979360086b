"""What differs between two configs, value by value."""

from collections.abc import Iterator
from typing import Any

from segkit.config.load import Config
from segkit.config.source import inline


def differences(left: Config, right: Config) -> Iterator[str]:
    """Lines: each differing path, and below it either side's value with its origin.

    What only one side sets differs, even where it is the other's default. Order is that of `left`, then what only
    `right` sets.
    """
    ours, theirs = dict(_leaves(left.data, "")), dict(_leaves(right.data, ""))
    for path in [*ours, *(path for path in theirs if path not in ours)]:
        if ours.get(path) != theirs.get(path):
            yield path
            for sign, values, config in (("-", ours, left), ("+", theirs, right)):
                if path in values:
                    yield f"  {sign} {values[path]}  # {config.origin(path)}"


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Paths and their values as YAML; a list that holds no mappings is one value."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}.{index}")
    else:
        yield path, inline(value)
