"""Conversion between nodes and plain Python values."""

from collections import abc
from numbers import Integral
from pathlib import PurePath
from typing import Any

from segkit.config.nodes import (
    TOO_DEEP,
    Mapping,
    Node,
    Origin,
    Problem,
    Scalar,
    Sequence,
    Value,
    config_error,
    join_path,
)
from segkit.errors import with_article
from segkit.runtime.yaml_nodes import MAX_DEPTH


def plain(node: Node) -> Value:
    """Returns the value of a node without its origins."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.items.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def from_plain(data: abc.Mapping[str, object], origin: Origin) -> Mapping:
    """Converts a dict to nodes that share one origin.

    Lists may be tuples, numbers numpy's, and texts paths. A key that is a whole number stands for its digits. Raises
    ConfigError with every other key that is not a string, and every value that YAML cannot hold.
    """
    converter = _Converter(origin)
    mapping = converter.mapping(data, "", 1)
    if converter.problems:
        raise config_error(converter.problems)
    return mapping


class _Converter:
    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.problems: list[Problem] = []

    def report(self, path: str, message: str) -> Scalar:
        """Records a problem and returns a node in place of the value."""
        self.problems.append(Problem(self.origin, path, message))
        return Scalar(None, self.origin)

    def node(self, value: object, path: str, depth: int) -> Node:
        # The depth is limited before a dict that contains itself exhausts Python's stack.
        if depth > MAX_DEPTH:
            return self.report(path, TOO_DEEP)
        if isinstance(value, abc.Mapping):
            return self.mapping(value, path, depth)
        if isinstance(value, list | tuple):
            items = [self.node(item, join_path(path, index), depth + 1) for index, item in enumerate(value)]
            return Sequence(items, self.origin)
        if isinstance(value, PurePath):
            return Scalar(str(value), self.origin)
        # Without importing numpy: its scalars are the values without dimensions that `item` converts.
        if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
            value = value.item()
        for kind in (bool, int, float, str):  # bool first: it is a subclass of int
            if isinstance(value, kind):
                return Scalar(kind(value), self.origin)  # subclasses become plain
        if value is None:
            return Scalar(None, self.origin)
        return self.report(
            path, f"{with_article(type(value).__name__)} is not a YAML value. Use a string, a number, a list or a dict."
        )

    def mapping(self, data: abc.Mapping[Any, object], path: str, depth: int) -> Mapping:
        items: dict[str, Node] = {}
        for key, value in data.items():
            # As in YAML, a whole number stands for its digits. numpy's count as well; a bool is none.
            name = str(key) if isinstance(key, Integral) and not isinstance(key, bool) else key
            if not isinstance(name, str):
                self.report(path, f"the key {key!r} is not a string. Use a str.")
            elif name in items:
                self.report(path, f"the key '{name}' is already set. Remove one of the two.")
            else:
                items[name] = self.node(value, join_path(path, name), depth + 1)
        return Mapping(items, self.origin, dict.fromkeys(items, self.origin))
