"""Tells which settings the files of another program do not keep: they are read again, and both configs compared."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from segkit.config import Config
from segkit.config.nodes import join_path
from segkit.config.source import inline
from segkit.registries import BY_KIND, BY_PLURAL, Registry
from segkit.registries.signature import MISSING, after_star

_BEGINS = ("pretrained", "weights")
"""Settings of where initial weights came from. The files hold the weights."""


def lost_settings(before: Config, after: Config, notes: Sequence[str] = ()) -> list[str]:
    """Returns a note on each setting that comes back with another value, and one on each part that does not come back.

    Compared are the model, the criterion, the transforms of `data.val` and the postprocessors, with their defaults. A
    setting of the model that is null follows from the weights and is not compared.

    Args:
        before: Of the checkpoint that was written.
        after: Of the written files.
        notes: What is told already: a setting that stands in one is not told again.

    Example:
        >>> from segkit.config import load_config
        >>> before = load_config("configs/quickstart.yaml", ["model.size_divisor=64"])
        >>> lost_settings(before, load_config("configs/quickstart.yaml"))
        ['model.size_divisor = 64 is not kept by the files: read again, it is null']
    """
    values, others = dict(_leaves(before)), dict(_leaves(after))
    parts = [path.removesuffix(".type") for path in values if path.endswith(".type") and path not in others]
    outermost = [part for part in parts if not _is_inside(part, parts)]
    found = [f"{part} is not kept by the files" for part in outermost if not _is_noted(part, notes)]
    for path, value in values.items():
        if _is_inside(path, parts) or _is_noted(path, notes):
            continue
        if path not in others:
            found.append(f"{path} = {inline(value)} is not kept by the files")
        elif not _equal(value, others[path]) and not (path.startswith("model.") and value is None):
            found.append(f"{path} = {inline(value)} is not kept by the files: read again, it is {inline(others[path])}")
    return found


def _is_inside(path: str, parts: Sequence[str]) -> bool:
    return any(path.startswith(f"{part}.") for part in parts)


def _is_noted(path: str, notes: Sequence[str]) -> bool:
    return any(re.search(rf"(?<![\w.]){re.escape(path)}(?!\.?\w)", note) for note in notes)


def _equal(value: Any, other: Any) -> bool:
    if isinstance(value, float | int) and isinstance(other, float | int):
        return math.isclose(value, other, rel_tol=1e-6)
    if isinstance(value, list | tuple) and isinstance(other, list | tuple):
        return len(value) == len(other) and all(map(_equal, value, other))
    return bool(value == other)


def _leaves(config: Config) -> Iterator[tuple[str, Any]]:
    """Yields the path and value of every compared setting."""
    experiment = config.experiment
    yield from _of_part(experiment.model, BY_KIND["model"], "model")
    if experiment.criterion is not None:
        yield from _of_mapping(asdict(experiment.criterion), "criterion")
    if experiment.data is not None and experiment.data.val is not None:
        yield from _of_mapping({"transforms": experiment.data.val.transforms}, "data.val")
    yield from _of_mapping({"postprocessors": experiment.postprocessors}, "")


def _of_part(part: Mapping[str, Any], registry: Registry[Any], path: str) -> Iterator[tuple[str, Any]]:
    defaults = {
        name: parameter.default
        for name, parameter in after_star(registry.get(part["type"])).items()
        if parameter.default is not MISSING
    }
    yield from _of_mapping({key: value for key, value in {**defaults, **part}.items() if key not in _BEGINS}, path)


def _of_mapping(values: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        here = join_path(path, key)
        if isinstance(value, Mapping) and key in BY_KIND:
            yield from _of_part(value, BY_KIND[key], here)
        elif isinstance(value, list) and key in BY_PLURAL:
            for part in value:
                yield from _of_part(part, BY_PLURAL[key], join_path(here, part["type"]))
        elif isinstance(value, Mapping) and value:
            yield from _of_mapping(value, here)
        elif value != {}:
            tagged = key == "name" and isinstance(value, str)
            yield here, value.partition(".")[0] if tagged else value  # without the tag of timm's weights
