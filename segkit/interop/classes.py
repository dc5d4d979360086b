"""The class list for a checkpoint that holds tensors alone: as given, as in the config's dataset, or numbered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from segkit.build import dataset_classes
from segkit.checkpoint import classes_differ
from segkit.classes import Classes
from segkit.config import Config, load_config
from segkit.data.class_list import read_classes
from segkit.data.paths import dataset_path
from segkit.errors import ConfigError, DataError, counted
from segkit.interop.label_sets import known_things, things_of

_OF_DATASETS = ("training", "evaluators", "init_from", "class_map", "reset_head")
"""Settings that mean something only together with the datasets of the config."""


def classes_of_tensors(
    config: Config,
    classes: Classes | None,
    things: Sequence[str] | None,
    count_classes: Callable[[], int],
    where: str,
) -> tuple[Config, Classes, list[str]]:
    """Decides on the classes of a checkpoint of tensors, and whether the config's datasets have the same.

    Args:
        config: The config of the model.
        classes: The list that the caller gives, if any.
        things: Names of the classes that are things, if the caller says so.
        count_classes: Counts the classes of the checkpoint. Called only where nothing else tells them.
        where: The file, for error messages.

    Returns:
        The config, without its datasets and training where these are not known to have the same classes; the classes;
        and notes on where they come from.

    Example:
        >>> config = load_config("configs/quickstart.yaml")
        >>> given = Classes.make(["sky", "cat"])
        >>> alone, classes, notes = classes_of_tensors(config, given, ["cat"], lambda: 2, "model.pkl")
        >>> classes.things, "training" in alone
        ((False, True), False)
        >>> notes[0].partition(":")[0]
        "the config's data.train, data.val.dataset, training, evaluators are left out"
    """
    of_dataset, reason = _of_dataset(config)
    notes: list[str] = []
    if classes is None and of_dataset is None:
        count = count_classes()
        classes, reason = _listed(config, count, reason)
    if classes is None and of_dataset is None:
        classes = Classes.make([f"class {index}" for index in range(count)])
        notes = [
            f"the {counted(classes, 'class')} {'is' if len(classes) == 1 else 'are'} numbered, because their names are "
            f"not known: {reason}",
            "for names, provide the dataset, or convert again with --classes FILE",
        ]
    classes, more = _with_things(classes or of_dataset or Classes.make([]), things, where)
    if of_dataset is not None:
        reason = classes_differ(classes, of_dataset)
    if reason:
        config, left_out = _without_datasets(config)
        why = "for the same reason" if notes else reason
        kept = "; data.val.transforms are kept" if "data" in config else ""
        more += [f"the config's {', '.join(left_out)} are left out: {why}{kept}"] if left_out else []
    return config, classes, [*notes, *more]


def _of_dataset(config: Config) -> tuple[Classes | None, str]:
    """Returns the classes of the config's dataset; else None and why they are not known."""
    try:
        return dataset_classes(config), ""
    except (ConfigError, DataError) as error:
        return None, str(error).rstrip(".")


def _listed(config: Config, count: int, reason: str) -> tuple[Classes | None, str]:
    """Returns the class list that the config's dataset names, if it has `count` classes; else None and why not.

    A list that comes with a package can be read without the images of the dataset.
    """
    data = config.experiment.data
    datasets = [split.dataset or {} for split in (data and data.train, data and data.val) if split]
    named = next((dataset["classes"] for dataset in datasets if "classes" in dataset), None)
    if not isinstance(named, str):
        return None, reason
    try:
        classes = read_classes(dataset_path(named))
    except (ConfigError, DataError):
        return None, reason
    if len(classes) != count:
        return None, f"{config.path}: its class list {named} has {counted(classes, 'class')}, the checkpoint {count}"
    return classes, ""


def _with_things(classes: Classes, things: Sequence[str] | None, where: str) -> tuple[Classes, list[str]]:
    """Returns the classes with their kinds. Where a list names no thing, a known label set decides, or a note tells."""
    if things is not None or all(classes.things):
        flags, notes = things_of(classes.names, things, where)
        return replace(classes, things=tuple(flags)), notes
    if any(classes.things):
        return classes, []
    known = known_things(classes.names)
    if known is None:
        return classes, ["all classes count as stuff, as the list says. Convert again with --things to name the things"]
    flags, notes = things_of(classes.names, None, where)
    return replace(classes, things=tuple(flags)), notes


def _without_datasets(config: Config) -> tuple[Config, list[str]]:
    """Returns the config of the model, the criterion and the preparation of images, and what was left out."""
    data: dict[str, Any] = dict(config.data)
    left_out = []
    splits = data.pop("data", None) or {}
    if "train" in splits:
        left_out.append("data.train")
    val = splits.get("val") or {}
    if "dataset" in val:
        left_out.append("data.val.dataset")
    if isinstance(val, Mapping) and "transforms" in val:
        data["data"] = {"val": {"transforms": val["transforms"]}}
    left_out += [key for key in _OF_DATASETS if data.pop(key, None)]
    return load_config(data, name=config.path), left_out
