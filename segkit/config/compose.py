"""Merges a config with the files it extends and with overrides.

Mappings merge; all other values replace the value below them. A mapping whose `type` differs from the one below also
replaces it, since the settings of the old part do not apply to the new one.
"""

import difflib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from segkit.config.earlier import with_earlier_defaults
from segkit.config.nodes import Mapping, Node, Origin, Problem, Scalar, Sequence, config_error, problem, problems_of
from segkit.config.overrides import Override
from segkit.config.source import CONFIG_FILE, read_file
from segkit.errors import ConfigError
from segkit.runtime.integrity import MANIFEST
from segkit.runtime.shipped import shipped_path

SAVED = ("model.safetensors", "training_state.pt", "environment.json", MANIFEST)
"""Files beside its config that the folder of a run or checkpoint has, each alone or with others."""

FOREIGN_MARKS = (*SAVED, "classes.json")
"""Files beside a config that show that its folder is that of a run or checkpoint."""


def compose(config: Mapping, overrides: Iterable[Override] = (), foreign: bool = False) -> Mapping:
    """Merges a config with the files it extends, then applies the overrides. Raises ConfigError.

    Args:
        config: The config.
        overrides: Applied last.
        foreign: The config is that of a run or checkpoint, whatever lies beside it.
    """
    config = _resolve(config, (), [])
    config = _saved(config) if foreign else config
    problems: list[Problem] = []
    # The sort is stable: of two overrides of one key, the later wins.
    for override in sorted(overrides, key=Override.rank):
        try:
            config = override.apply(config, merge)
        except ConfigError as error:
            problems += problems_of(error)
    if problems:
        raise config_error(problems)
    return config


def merge(below: Node, above: Node) -> Node:
    """Merges `above` into `below`. The values of `above` win."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    if _type(above) is not None and _type(below) is not None and _type(above) != _type(below):
        # Remembered for error messages: if the new part needs a key that was set for the old one, they say where it
        # was.
        return replace(above, dropped={**below.dropped, **below.keys, **above.dropped})
    items = dict(below.items)
    for key, value in above.items.items():
        items[key] = merge(items[key], value) if key in items else value
    return Mapping(items, above.origin, {**below.keys, **above.keys}, {**below.dropped, **above.dropped})


def _type(mapping: Mapping) -> object:
    node = mapping.items.get("type")
    return node.value if isinstance(node, Scalar) else None


def require_file(file: str, origin: Origin | None, path: str) -> None:
    """Raises ConfigError if `file`, named at `origin`, is not a file; suggests a similar name in its folder."""
    if os.path.isfile(file):
        return
    kind = "a folder" if os.path.isdir(file) else "a pipe or device" if os.path.exists(file) else ""
    if origin is None:
        message = f"this is {kind}. Name a file." if kind else f"there is no such file.{_near(file)}"
        raise problem(Origin(file or "''"), path, message)
    message = f"{file} is {kind}. Name a file." if kind else f"there is no file {file}.{_near(file)}"
    raise problem(origin, path, message)


def _near(file: str) -> str:
    """Suggests a file of the same folder with a similar name, or with the same name and another extension."""
    folder, name = os.path.split(file)
    stem, extension = os.path.splitext(name)
    extensions = (".yaml", ".yml") if extension in (".yaml", ".yml") else (extension,)
    names = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
    files = [one for one in names if one.endswith(extensions) and os.path.isfile(os.path.join(folder, one))]
    # Without the extension: `x.yaml` is very similar to every other short name that ends in `.yaml`.
    stems = {os.path.splitext(one)[0].lower(): one for one in sorted(files)}
    match = difflib.get_close_matches(stem.lower(), stems, n=1)
    return f" Did you mean '{stems[match[0]]}'?" if match else ""


Links = tuple[tuple[str, Origin], ...]
"""The chain of files being resolved, each with the line that extends the next one."""


MAX_EXTENDED = 100
"""How many files a config may extend in all. Files that extend others twice would multiply without end."""


def _resolve(config: Mapping, chain: Links, read: list[str]) -> Mapping:
    """Merges a config into all that it extends.

    Args:
        config: The config.
        chain: Leads from the first config to this one.
        read: All files that were extended so far, each as often as it was; this function adds to it.
    """
    at = config.origin
    extends = config.items.get("extends")
    # `extends` itself is not part of the result.
    own_items = {key: value for key, value in config.items.items() if key != "extends"}
    own = Mapping(own_items, config.origin, {key: at for key, at in config.keys.items() if key != "extends"})
    result: Node | None = None
    problems: list[Problem] = []
    for name, origin in _bases(extends, config):
        base = os.path.normpath(os.path.join(at.folder, os.path.expanduser(shipped_path(name))))
        if len(read) >= MAX_EXTENDED:
            message = f"more than {MAX_EXTENDED} files are extended in all, counting repeats. Extend fewer files."
            raise problem(origin, "extends", message)
        read.append(base)
        try:
            require_file(base, origin, "extends")
            links = (*chain, (at.file, origin))
            _refuse_circle(base, links)
            below = _resolve(read_file(base), links, read)
            result = below if result is None else merge(result, below)
        except ConfigError as error:
            problems += problems_of(error)
    if problems:
        raise config_error(problems)
    merged = own if result is None else merge(result, own)
    assert isinstance(merged, Mapping)
    if is_foreign(at.file):
        return _saved(merged)
    return _with_foreign_plugins(merged) if _lies_in_saved_folder(at.file) else merged


def is_foreign(file: str) -> bool:
    """Returns whether a config lies in the folder of a run or checkpoint, which may come from somebody else."""
    # Caches of downloads hold links to files of other names, so that both folders count.
    folders = {os.path.dirname(file), os.path.dirname(os.path.realpath(file))}
    return any(os.path.exists(os.path.join(folder, name)) for folder in folders for name in FOREIGN_MARKS)


def _lies_in_saved_folder(file: str) -> bool:
    """Returns whether a folder above that of a config is the one of a run or checkpoint."""
    above = {parent for path in (file, os.path.realpath(file)) for parent in Path(path).absolute().parents[1:]}
    return any((folder / CONFIG_FILE).exists() and any((folder / name).exists() for name in SAVED) for folder in above)


def _saved(config: Mapping) -> Mapping:
    """Returns the config of a run or checkpoint with the defaults of its version, its plugins marked as foreign."""
    return _with_foreign_plugins(with_earlier_defaults(config))


def _with_foreign_plugins(config: Mapping) -> Mapping:
    """Returns the config with all plugins marked as foreign, including those of the files that it extends."""
    plugins = config.items.get("plugins")
    if not isinstance(plugins, Sequence):
        return config
    items: list[Node] = [replace(item, origin=replace(item.origin, foreign=True)) for item in plugins.items]
    return replace(config, items={**config.items, "plugins": Sequence(items, plugins.origin)})


def _bases(extends: Node | None, config: Mapping) -> list[tuple[str, Origin]]:
    """Returns the file names in `extends`, each with its location."""
    if extends is None:
        return []
    nodes = extends.items if isinstance(extends, Sequence) else [extends]
    found = []
    for node in nodes:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            message = "must be a file or a list of files, relative to this config, such as base/x.yaml."
            raise problem(config.keys["extends"], "extends", message)
        found.append((node.value, node.origin))
    return found


def _refuse_circle(base: str, links: Links) -> None:
    files = [os.path.realpath(file) for file, _ in links]
    if os.path.realpath(base) not in files:
        return
    circle = links[files.index(os.path.realpath(base)) :]
    lines = ", ".join(str(origin) for _, origin in circle)
    raise problem(circle[-1][1], "extends", f"{base} extends itself through {lines}. Remove one of these lines.")
