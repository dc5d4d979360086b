"""Overrides of single values: `model.backbone.name=resnet18`, the value parsed as YAML."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NoReturn

from segkit.config.nodes import (
    COMMAND_LINE,
    Mapping,
    Node,
    Problem,
    Scalar,
    Sequence,
    config_error,
    problem,
    problems_of,
    shortened,
    shown,
)
from segkit.config.repeated import contradictions
from segkit.config.source import parse
from segkit.errors import ConfigError
from segkit.runtime.yaml_nodes import MAX_DEPTH

Merge = Callable[[Node, Node], Node]
"""(below, above) -> the merged node; passed in, since merging is defined in `compose`, which imports this module."""


@dataclass(frozen=True)
class Override:
    """One value to replace or to merge into, found by its keys."""

    keys: tuple[str, ...]
    value: Node

    def rank(self) -> tuple[bool, int]:
        """Sorts overrides of a `type` first, outer before inner.

        A new type drops the settings of the old part. Applied later, it would drop those of other overrides as well.
        """
        is_type = self.keys[-1] == "type"
        return not is_type, len(self.keys) if is_type else 0

    def apply(self, config: Mapping, merge: Merge) -> Mapping:
        """Returns `config` with the value merged into it. Raises ConfigError if the keys lead nowhere."""
        changed = self._applied(config, 0, merge)
        assert isinstance(changed, Mapping)
        return changed

    def _applied(self, node: Node | None, depth: int, merge: Merge) -> Node:
        """Returns `node`, found under the first `depth` keys (None if there is none), with the value merged into it."""
        if depth == len(self.keys):
            return self.value if node is None else merge(node, self.value)
        if isinstance(node, Sequence):
            index = self._index(node, depth)
            changed = self._applied(node.items[index], depth + 1, merge)
            return Sequence([*node.items[:index], changed, *node.items[index + 1 :]], node.origin)
        if isinstance(node, Scalar) and node.value is not None:
            self._refuse(f"{self._path(depth)} is {shown(node)} ({node.origin}), which has no keys.")
        # A missing or null section becomes a mapping that holds the value alone.
        mapping = node if isinstance(node, Mapping) else Mapping({}, COMMAND_LINE)
        key = self.keys[depth]
        changed = self._applied(mapping.items.get(key), depth + 1, merge)
        # A key on the way to the value keeps its origin: only the value's own key was set on the command line.
        inner = depth + 1 < len(self.keys) and key in mapping.keys
        above = Mapping({key: changed}, mapping.origin, {key: mapping.keys[key] if inner else COMMAND_LINE})
        # Merged rather than assigned, so that a new `type` drops the settings of the old part.
        return merge(mapping, above)

    def _index(self, node: Sequence, depth: int) -> int:
        key, count = self.keys[depth], len(node.items)
        indices = [str(index) for index in range(count)]
        if key in indices:
            return indices.index(key)
        items = f"Its items are {self._path(depth)}.0 to .{count - 1}" if count else "It is empty"
        self._refuse(f"{self._path(depth)} is a list ({node.origin}) and has no item '{key}'. {items}.")

    def _path(self, depth: int) -> str:
        return ".".join(self.keys[:depth])

    def _refuse(self, message: str) -> NoReturn:
        raise problem(COMMAND_LINE, ".".join(self.keys), message)


def parse_overrides(texts: Iterable[str]) -> list[Override]:
    """Parses texts of the form `key.sub=value`. Raises ConfigError with all that are malformed or contradictory."""
    overrides: list[Override] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            overrides.append(_parse(text))
        except ConfigError as error:
            problems += problems_of(error)
    problems += contradictions((".".join(one.keys), one.value) for one in overrides)
    if problems:
        raise config_error(problems)
    return overrides


def _parse(text: str) -> Override:
    path, equals, value = text.partition("=")
    keys = tuple(path.split("."))
    if not equals:
        raise problem(COMMAND_LINE, "", f"'{text}' has no '='. Write key=value, such as training.steps=100.")
    if not all(key.strip() for key in keys):
        raise problem(COMMAND_LINE, "", f"'{text}' has an empty key. Write key.sub=value, such as training.steps=100.")
    if any(key != key.strip() for key in keys):
        raise problem(COMMAND_LINE, "", f"'{text}' has a space before or after a key. Write key=value, without spaces.")
    if len(keys) > MAX_DEPTH:
        raise problem(COMMAND_LINE, "", f"'{shortened(path)}' has more than {MAX_DEPTH} keys. No config is that deep.")
    if not value.strip():
        raise problem(
            COMMAND_LINE, path, f"the value is missing. Write {path}=null for null, {path}=\"''\" for empty text."
        )
    if keys[0] == "extends":
        raise problem(COMMAND_LINE, path, "a config can extend others only in its file. Override single values here.")
    try:
        return Override(keys, parse(value, COMMAND_LINE))
    except ConfigError as error:
        raise config_error([replace(one, path=path) for one in problems_of(error)]) from error
