"""The classes of a config's dataset, as far as they are known without its data."""

from __future__ import annotations

from segkit.build import build_part
from segkit.classes import Classes
from segkit.config import Config
from segkit.config.sections import PartConfig
from segkit.data.class_list import listed_classes, read_classes
from segkit.data.paths import dataset_path
from segkit.errors import DataError
from segkit.registries import DATASETS


def known_classes(config: Config) -> tuple[str, ...] | None:
    """Returns the class names that the config lists for `data.train`, or else `data.val`; None where the data tell.

    Example:
        >>> from segkit.config import load_config
        >>> (known_classes(load_config("configs/quickstart.yaml")) or ())[:2]
        ('sky', 'grass')
    """
    data = config.experiment.data
    parts = [split.dataset for split in (data and data.train, data and data.val) if split and split.dataset]
    return _names(parts[0]) if parts else None


def of_either_kind(names: tuple[str, ...]) -> tuple[Classes, Classes]:
    """Returns two class lists of these names: all things, and all stuff. What both are refused for, is wrong."""
    return Classes.make(names), Classes.make(names, [False] * len(names))


def _names(part: PartConfig) -> tuple[str, ...] | None:
    kind = DATASETS.get(part["type"])
    if not str(getattr(kind, "__module__", "")).startswith("segkit."):
        return None  # the dataset of a plugin may mean something else by `classes`
    if part["type"] in ("shapes", "segkit/shapes"):
        return build_part(DATASETS, part).classes.names
    classes = part.get("classes")
    try:
        if isinstance(classes, str):
            return read_classes(dataset_path(classes)).names
        if isinstance(classes, list):
            return listed_classes(classes, "classes").names
    except DataError:  # its files may be on another machine
        return None
    if isinstance(classes, dict):
        return tuple(classes)
    first = next(iter(part.get("datasets") or []), None)
    return _names(first) if isinstance(first, dict) else None
