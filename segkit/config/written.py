"""What a config sets, by dotted path, for checks that compare several settings."""

import re
from collections.abc import Iterator
from typing import Any

from segkit.config.nodes import Mapping, Node, Origin, Scalar, Sequence, Value, join_path
from segkit.errors import RegistryError
from segkit.registries import BY_KIND, BY_PLURAL


class Written:
    """The settings that a config sets, null included; defaults are not among them.

    Paths are those of error messages, such as `criterion.losses.0.weight`.

    Args:
        tree: The composed config. It may have mistakes: a setting below a value of the wrong kind does not exist.
    """

    def __init__(self, tree: Mapping) -> None:
        self._nodes: dict[str, Node] = {}
        self._keys: dict[str, Origin] = {}
        self._first_of_types: dict[str, dict[Value, str]] = {}
        self._collect(tree, "", tree.origin)

    def _collect(self, node: Node, path: str, key: Origin) -> None:
        if path:
            self._nodes[path], self._keys[path] = node, key
        if isinstance(node, Mapping):
            for name, value in node.items.items():
                self._collect(value, join_path(path, name), node.keys.get(name, value.origin))
        elif isinstance(node, Sequence):
            for index, value in enumerate(node.items):
                self._collect(value, f"{path}.{index}", value.origin)

    def __contains__(self, path: str) -> bool:
        """Whether a setting is set to something else than null."""
        node = self._nodes.get(path)
        return node is not None and not (isinstance(node, Scalar) and node.value is None)

    def sets(self, path: str) -> bool:
        """Whether a setting is set, to null too."""
        return path in self._nodes

    def value(self, path: str) -> Value:
        """Returns the value of a setting that is neither a mapping nor a list; None where there is none."""
        node = self._nodes.get(path)
        return node.value if isinstance(node, Scalar) else None

    def number(self, path: str) -> float | None:
        """Returns the value of a setting that is a number; None where there is none."""
        value = self.value(path)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def is_part(self, path: str, *names: str) -> bool:
        """Whether the part at a path is one of segkit's own parts of these names."""
        return self.value(f"{path}.type") in (*names, *(f"segkit/{name}" for name in names))

    def items(self, path: str) -> list[str]:
        """Returns the paths of the items of a list; none where there is no list."""
        node = self._nodes.get(path)
        return [f"{path}.{index}" for index in range(len(node.items))] if isinstance(node, Sequence) else []

    def first_of_types(self, path: str) -> dict[Value, str]:
        """Returns the path of the first item of each type in a list of parts."""
        # Kept, since whoever asks for each item of a long list would look at all pairs of them.
        if path not in self._first_of_types:
            items = reversed(self.items(path))
            self._first_of_types[path] = {self.value(f"{item}.type"): item for item in items}
        return self._first_of_types[path]

    def origin(self, path: str) -> Origin:
        """Returns where the key of a setting was written."""
        return self._keys[path]

    def matching(self, pattern: str) -> Iterator[str]:
        """Yields the paths that are set to something else than null and fit `pattern`, in which `*` is any one key."""
        expression = re.compile(re.escape(pattern).replace(r"\*", r"[^.]+"))
        yield from (path for path in self._nodes if expression.fullmatch(path) and path in self)

    def part(self, path: str) -> Any:
        """Returns the class or function of the part at a path; None where no such part is found."""
        keys = path.split(".")
        # An item of a list stands under the plural: `criterion.losses.0` is a loss.
        kind = keys[-2] if keys[-1].isdigit() else keys[-1]
        registry = BY_PLURAL.get(kind) or BY_KIND.get(kind)
        name = self.value(f"{path}.type")
        if registry is None or not isinstance(name, str):
            return None
        try:
            return registry.get(name)
        except RegistryError:  # reported where the part itself is checked
            return None
