"""Compares two configs value by value."""

from collections.abc import Iterator

from segkit.config.load import Config
from segkit.config.nodes import Value, join_path
from segkit.config.source import inline


def differences(left: Config, right: Config) -> Iterator[str]:
    """Yields lines: each path that differs, followed by the value and origin on either side.

    A value that only one side sets differs, even if it equals the default of the other side. The order is that of
    `left`, followed by the paths that only `right` sets.
    """
    left_values, right_values = dict(leaves(left.data, "")), dict(leaves(right.data, ""))
    for path in dict.fromkeys([*left_values, *right_values]):
        if left_values.get(path) != right_values.get(path):
            yield path
            for sign, values, config in (("-", left_values, left), ("+", right_values, right)):
                if path in values:
                    yield f"  {sign} {values[path]}  # {config.origin(path)}"


def leaves(value: Value, path: str) -> Iterator[tuple[str, str]]:
    """Yields paths and their values as YAML; a list without mappings counts as one value."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, join_path(path, key))
    # A list of numbers is one value: its items have no meaning of their own.
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}.{index}")
    else:
        yield path, inline(value)
