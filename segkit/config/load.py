"""Loads a config from a file or a dict and checks it."""

import os
import warnings
from collections import abc
from functools import cached_property
from os import PathLike
from typing import TypeAlias

from segkit.config.check import check
from segkit.config.compose import compose, merge, require_file
from segkit.config.moved import moved
from segkit.config.nodes import Mapping, Node, Origin, Sequence, Value, join_path, problem, shortened
from segkit.config.overrides import parse_overrides
from segkit.config.plain import from_plain
from segkit.config.plugins import run_plugins, with_plugins
from segkit.config.sections import Experiment, make_section
from segkit.config.source import CONFIG_FILE, dump, read_file
from segkit.config.uses import NOT_FOR_PREDICTION, without, without_foreign_plugins
from segkit.errors import ConfigError
from segkit.runtime.shipped import shipped_path


class Config:
    """A checked config: every part it names exists, and every value fits its setting.

    Made by `load_config`. Indexing returns checked values as plain Python values.

    Example:
        >>> config = load_config("configs/quickstart.yaml", ["training.seed=1"])
        >>> config["training"]["seed"], config.origin("training.seed")
        (1, '<command line>')
        >>> config.experiment.training.precision  # a default
        'fp32'
    """

    def __init__(self, path: str, tree: Mapping, data: dict[str, Value]) -> None:
        self.path = path
        """The file it was loaded from; the name that `load_config` gives to a dict."""
        self.data = data
        """The values that were set, without defaults, each of the type that its setting names."""
        self._tree = tree
        self._origins = dict(_origins(tree, ""))

    def __getitem__(self, key: str) -> Value:
        return self.data[key]

    def __contains__(self, key: str) -> bool:
        return key in self.data

    @cached_property
    def experiment(self) -> Experiment:
        """The config with defaults filled in: sections as dataclasses, parts as mappings."""
        return make_section(Experiment, self.data)

    def completed(self, section: str, values: abc.Mapping[str, Value], origin: str) -> "Config":
        """Returns the config with the values of a section that it leaves to defaults which are not its own.

        Args:
            section: Its key.
            values: Checked values by setting. What the config sets stays as it is.
            origin: Where the values come from.

        Example:
            >>> config = load_config("configs/quickstart.yaml").completed("training", {"seed": 5}, "<example>")
            >>> config["training"]["seed"], config.origin("training.seed")
            (5, '<example>')
        """
        missing = {name: value for name, value in values.items() if self.data[section].get(name) is None}
        return self.changed(section, missing, origin)

    def changed(self, section: str, values: abc.Mapping[str, Value], origin: str) -> "Config":
        """Returns the config with other values in a section. The arguments are those of `completed`."""
        tree = merge(self._tree, from_plain({section: values}, Origin(origin)))
        assert isinstance(tree, Mapping)
        return Config(self.path, tree, {**self.data, section: {**self.data[section], **values}})

    def origin(self, path: str) -> str:
        """Returns where the value at `path`, such as `criterion.losses.0.weight`, was set: `configs/x.yaml:14`."""
        return str(self._origins[path])

    def to_yaml(self) -> str:
        """Returns the resolved config, without `extends`, as YAML that loads to the same config."""
        return dump(self.data)


ConfigSource: TypeAlias = "Config | str | PathLike[str] | abc.Mapping[str, object]"
"""A config, or what `load_config` takes: a YAML file, the folder of a run or checkpoint, a dict."""


def load_config(
    source: str | PathLike[str] | abc.Mapping[str, object],
    overrides: abc.Sequence[str] = (),
    plugins: abc.Sequence[str | PathLike[str]] = (),
    *,
    name: str = "<dict>",
    trust: bool = False,
) -> Config:
    """Loads and checks a config.

    Args:
        source: A YAML file, one of a package (`segkit://mask_former/ade20k_r50.yaml`), the folder of a run or
            checkpoint, or the config itself as a dict. Paths in a dict are relative to the working directory.
        overrides: Values that replace those of the config, each as text: `key.sub=value`.
        plugins: Python files to import first. They become part of the config.
        name: Where error messages locate the values of a dict.
        trust: Import the Python files that the config of a run or checkpoint names as plugins. Otherwise those are
            refused that `plugins` does not name, since a checkpoint may come from somebody else. A config outside of
            such folders counts as one's own.

    Raises:
        CheckpointError: the config of a run or checkpoint is damaged.
        ConfigError: something is wrong. The message has one line per problem, each with its location.

    Example:
        >>> model = {"backbone": {"type": "timm", "name": "resnet18", "pretrained": False}}
        >>> config = load_config({"extends": "configs/quickstart.yaml", "model": model}, ["training.steps=100"])
        >>> config["training"]["steps"]
        100
    """
    file, tree, saved = _composed(source, overrides, plugins, name)
    # Before the check, which looks up the parts that plugins register.
    _warn_of_useless_trust(trust, tree, file)
    run_plugins(tree, trust)
    return Config(file, tree, check(tree, saved))


def load_for_prediction(
    folder: str | PathLike[str], plugins: abc.Sequence[str | PathLike[str]] = (), *, trust: bool = False
) -> Config:
    """Loads what a prediction uses of the config of a run or checkpoint: model, postprocessors and transforms.

    The losses, datasets, evaluators and other parts of the training need not be installed. Python files that the config
    names are imported only if a part is not known without them.

    Args:
        folder: Of the run or checkpoint.
        plugins: As for `load_config`.
        trust: As for `load_config`.

    Raises:
        CheckpointError: the config is damaged.
        ConfigError: something is wrong in what a prediction uses, or it needs Python files that are not trusted.
    """
    file, whole, saved = _composed(folder, (), plugins, "")
    _warn_of_useless_trust(trust, whole, file)
    used = without(whole, NOT_FOR_PREDICTION)
    alone = without_foreign_plugins(used)
    run_plugins(alone)
    try:
        return Config(file, alone, check(alone, saved))
    except ConfigError:
        run_plugins(used, trust)
        return Config(file, used, check(used, saved))


def _composed(
    source: str | PathLike[str] | abc.Mapping[str, object],
    overrides: abc.Sequence[str],
    plugins: abc.Sequence[str | PathLike[str]],
    name: str,
) -> tuple[str, Mapping, bool]:
    """Returns the file, the composed config, and whether it belongs to a run or checkpoint."""
    _refuse_other_types(source, overrides, plugins)
    parsed = parse_overrides(overrides)
    if isinstance(source, abc.Mapping):
        top, saved = from_plain(source, Origin(name)), False
    else:
        file = _file(shipped_path(os.fspath(source)))
        top, saved = read_file(file), os.path.isdir(source)
    tree = moved(compose(top, parsed, foreign=saved), saved)
    return top.origin.file, with_plugins(tree, [os.fspath(plugin) for plugin in plugins]), saved


def _warn_of_useless_trust(trust: bool, tree: Mapping, file: str) -> None:
    # No error: scripts go over many folders, of which some need it.
    plugins = tree.items.get("plugins")
    items = plugins.items if isinstance(plugins, Sequence) else []
    if trust and not any(item.origin.foreign for item in items):
        warnings.warn(
            f"--trust (from Python: trust=True): no effect, since {file} names no Python files of somebody else. Leave "
            "it out.",
            stacklevel=3,
        )


def as_config(source: ConfigSource, *, trust: bool = False) -> Config:
    """Returns `source` if it is a config, and else loads it.

    Raises:
        ConfigError: it is nothing that a config can be loaded from, or something in it is wrong.

    Example:
        >>> as_config("configs/quickstart.yaml").path
        'configs/quickstart.yaml'
    """
    return source if isinstance(source, Config) else load_config(source, trust=trust)


def _refuse_other_types(source: object, overrides: object, plugins: object) -> None:
    """Checks the types of the arguments of `load_config`, whose failures would be hard to understand."""
    path = os.fspath(source) if isinstance(source, PathLike) else source
    if not isinstance(path, str | abc.Mapping):
        shown = "a loaded Config" if isinstance(source, Config) else f"{shortened(repr(source))}"
        raise ConfigError(
            f"config: {shown} is nothing that a config is loaded from. Pass the path of a YAML file, the folder of a "
            "run or checkpoint, or a dict; segkit.train, evaluate and build_model take a loaded Config too."
        )
    for name, value in (("overrides", overrides), ("plugins", plugins)):
        # Its characters would be taken as the items.
        if isinstance(value, str):
            raise ConfigError(f"{name}: {value!r} is a single text. Pass a list: [{value!r}].")


def _file(path: str) -> str:
    """Returns the config file that `path`, a file or a folder, means. Raises ConfigError where there is none."""
    if not os.path.isdir(path):
        require_file(path, None, "")
        return path
    file = os.path.join(path, CONFIG_FILE)
    if not os.path.isfile(file):
        raise problem(
            Origin(path), "", f"this folder has no {CONFIG_FILE}. Name a file, or the folder of a run or checkpoint."
        )
    return file


def _origins(node: Node, path: str) -> abc.Iterator[tuple[str, Origin]]:
    """Yields the path and origin of every value."""
    if path:
        yield path, node.origin
    if isinstance(node, Mapping):
        for key, value in node.items.items():
            yield from _origins(value, join_path(path, key))
    if isinstance(node, Sequence):
        for index, value in enumerate(node.items):
            yield from _origins(value, f"{path}.{index}")
