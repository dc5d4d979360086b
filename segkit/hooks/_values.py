"""Nested values as one mapping, as trackers take them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of nested mappings and lists under their path.

    Example:
        >>> flat({"losses": {"total": 2.5}, "hooks": [{"type": "ema"}]})
        {'losses/total': 2.5, 'hooks/0/type': 'ema'}
    """
    return dict(_leaves(values, ""))


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Returns the numbers among nested values under their path.

    Example:
        >>> numbers({"losses": {"total": 2.5}, "note": "first"})
        {'losses/total': 2.5}
    """
    return {name: value for name, value in flat(values).items() if isinstance(value, int | float)}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        items = list(enumerate(value))
    else:
        yield path, value
        return
    for key, inner in items:
        yield from _leaves(inner, f"{path}/{key}" if path else str(key))
