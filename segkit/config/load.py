"""`load_config`: from a file to a checked config."""

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from os import PathLike
from typing import Any

from segkit.config import nodes
from segkit.config.check import check
from segkit.config.compose import compose
from segkit.config.nodes import Mapping, Node, Origin, problem
from segkit.config.overrides import parse_overrides
from segkit.config.plugins import run_plugins, with_plugins
from segkit.config.sections import Experiment, make_section
from segkit.config.source import dump, parse

CONFIG_FILE = "config.yaml"
"""The resolved config in the folder of a run or checkpoint."""


class Config:
    """A checked config: every part it names exists, and every value fits the setting it is for."""

    def __init__(self, path: str, tree: Mapping, data: dict[str, Any]) -> None:
        self.path = path
        """The file it was loaded from."""
        self.data = data
        """Plain values: what YAML gave, ints made floats and lists tuples where settings ask so; no defaults."""
        self._origins = dict(_origins(tree, ""))

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __contains__(self, key: str) -> bool:
        return key in self.data

    @cached_property
    def experiment(self) -> Experiment:
        """The same with defaults filled in, sections as dataclasses and parts as mappings."""
        return make_section(Experiment, self.data)

    def origin(self, path: str) -> str:
        """Where the value at `path` (`model.backbone.name`, `criterion.losses.0`) was written: `configs/x.yaml:14`."""
        return str(self._origins[path])

    def to_yaml(self) -> str:
        """The resolved config, without `extends`: a file that loads to the same."""
        return dump(self.data)


def load_config(
    path: str | PathLike[str], overrides: Sequence[str] = (), plugins: Sequence[str | PathLike[str]] = ()
) -> Config:
    """The checked config in `path`, a YAML file or the folder of a run or checkpoint.

    Args:
        overrides: `key.sub=value` each, laid over the file's.
        plugins: Python files to execute first; they become part of the config.

    Raises ConfigError, with one located line per problem.
    """
    file = os.fspath(path)
    if os.path.isdir(file):
        folder, file = file, os.path.join(file, CONFIG_FILE)
        if not os.path.isfile(file):
            raise problem(Origin(folder), "", f"this folder has no {CONFIG_FILE}, as those of runs have. Name a file.")
    tree = with_plugins(compose(file, parse_overrides(overrides)), [os.fspath(plugin) for plugin in plugins])
    run_plugins(tree)
    return Config(file, tree, check(tree))


def make_config(data: dict[str, Any], name: str) -> Config:
    """The checked config of plain values that a program made; problems are located in `name`. Raises ConfigError."""
    tree = parse(dump(data), Origin(name, 1))
    assert isinstance(tree, Mapping), "a config is a mapping"
    return Config(name, tree, check(tree))


def _origins(node: Node, path: str) -> Iterator[tuple[str, Origin]]:
    if path:
        yield path, node.origin
    if isinstance(node, Mapping):
        for key, value in node.items.items():
            yield from _origins(value, f"{path}.{key}" if path else key)
    if isinstance(node, nodes.Sequence):
        for index, value in enumerate(node.items):
            yield from _origins(value, f"{path}.{index}")
