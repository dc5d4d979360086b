"""`model.backbone.name=resnet18` on the command line: one value laid over the config, parsed as YAML."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NoReturn

from segkit.config.nodes import (
    COMMAND_LINE,
    MAX_DEPTH,
    Mapping,
    Node,
    ProblemsError,
    Scalar,
    Sequence,
    problem,
    shortened,
    shown,
)
from segkit.config.source import parse

Merge = Callable[[Node, Node], Node]
"""(below, above) -> both, as files of a config are laid over each other."""


@dataclass(frozen=True)
class Override:
    keys: tuple[str, ...]
    value: Node

    def rank(self) -> tuple[bool, int]:
        """Sorts changes of a `type` first, outer ones before inner: a new type drops the old part's settings, which
        must not include those that other overrides give to the new part."""
        is_type = self.keys[-1] == "type"
        return not is_type, len(self.keys) if is_type else 0

    def apply(self, config: Mapping, merge: Merge) -> Mapping:
        """`config` with this value laid over it. Raises ConfigError where the keys lead nowhere."""
        changed = self._laid_over(config, 0, merge)
        assert isinstance(changed, Mapping)
        return changed

    def _laid_over(self, node: Node | None, depth: int, merge: Merge) -> Node:
        """`node`, found under the first `depth` keys (None where there is none), with the value laid into it."""
        if depth == len(self.keys):
            return self.value if node is None else merge(node, self.value)
        if isinstance(node, Sequence):
            index = self._index(node, depth)
            changed = self._laid_over(node.items[index], depth + 1, merge)
            return Sequence([*node.items[:index], changed, *node.items[index + 1 :]], node.origin)
        if isinstance(node, Scalar) and node.value is not None:
            self._refuse(f"{self._path(depth)} is {shown(node)} ({node.origin}); it has no keys to set.")
        mapping = node if isinstance(node, Mapping) else Mapping({}, COMMAND_LINE)
        key = self.keys[depth]
        changed = self._laid_over(mapping.items.get(key), depth + 1, merge)
        inner = depth + 1 < len(self.keys) and key in mapping.keys
        above = Mapping({key: changed}, mapping.origin, {key: mapping.keys[key] if inner else COMMAND_LINE})
        return merge(mapping, above)

    def _index(self, node: Sequence, depth: int) -> int:
        key, count = self.keys[depth], len(node.items)
        indices = [str(index) for index in range(count)]
        if key in indices:
            return indices.index(key)
        items = f"its items are {self._path(depth)}.0 to .{count - 1}" if count else "it is empty"
        self._refuse(f"{self._path(depth)} is a list ({node.origin}) without an item '{key}'; {items}.")

    def _path(self, depth: int) -> str:
        return ".".join(self.keys[:depth])

    def _refuse(self, message: str) -> NoReturn:
        raise problem(COMMAND_LINE, ".".join(self.keys), message)


def parse_overrides(texts: Iterable[str]) -> list[Override]:
    """`key.sub=value` each. Raises ConfigError with every one that is no override."""
    overrides, problems = [], []
    for text in texts:
        try:
            overrides.append(_parse(text))
        except ProblemsError as error:
            problems += error.problems
    if problems:
        raise ProblemsError(problems)
    return overrides


def _parse(text: str) -> Override:
    path, equals, value = text.partition("=")
    keys = tuple(path.split("."))
    if not equals:
        raise problem(COMMAND_LINE, "", f"'{text}' sets nothing. Write key=value, such as training.steps=100.")
    if not all(key.strip() for key in keys):
        raise problem(COMMAND_LINE, "", f"'{text}' has an empty key. Write key.sub=value, such as training.steps=100.")
    if any(key != key.strip() for key in keys):
        raise problem(COMMAND_LINE, "", f"'{text}' has a space beside a key. Write key=value, without spaces.")
    if len(keys) > MAX_DEPTH:
        raise problem(COMMAND_LINE, "", f"'{shortened(path)}' has more than {MAX_DEPTH} keys. No config is as deep.")
    if not value.strip():
        raise problem(
            COMMAND_LINE, path, f"there is no value. Write {path}=null for none, {path}=\"''\" for empty text."
        )
    if keys[0] == "extends":
        raise problem(COMMAND_LINE, path, "a config extends others in its file only. Set single values here.")
    try:
        return Override(keys, parse(value, COMMAND_LINE))
    except ProblemsError as error:
        raise ProblemsError([replace(one, path=path) for one in error.problems]) from error
