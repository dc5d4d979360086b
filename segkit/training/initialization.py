"""Starts a new model from the tensors of a checkpoint: the setting `init_from`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from segkit.checkpoint import classes_differ, find_checkpoint, read_classes, read_weights, warn_of_nonfinite
from segkit.classes import Classes
from segkit.config import Config
from segkit.config.nodes import join_path
from segkit.errors import CheckpointError, ConfigError, join_first, suggest
from segkit.runtime.class_rows import ClassRows
from segkit.runtime.weights import LoadReport, load_fitting
from segkit.training.class_axes import class_axes


def initialize_from(model: nn.Module, path: str | Path, config: Config, classes: Classes) -> LoadReport:
    """Copies the tensors of a checkpoint that fit into a new model.

    Of tensors with a row per class, each row is taken from the class of the same name, or from those that the config's
    `class_map` names. With `reset_head`, these tensors keep their initial values.

    Args:
        model: Built from `config` for `classes`.
        path: A checkpoint folder, or a run folder, which stands for its best checkpoint.
        config: The config of `model`.
        classes: The classes of `model`.

    Raises:
        CheckpointError: No tensor fits, or no class of the checkpoint has the name of one of `classes`.
        ConfigError: `class_map` names a class that does not exist, or has no effect.
    """
    folder = find_checkpoint(path)
    weights = read_weights(folder)
    warn_of_nonfinite(folder, weights)
    axes = {name: axis for name, axis in class_axes(config, classes).items() if name in weights}
    rows: ClassRows | None = None
    if config.experiment.reset_head:
        weights = {name: tensor for name, tensor in weights.items() if name not in axes}
    elif axes:
        rows = _match(folder, config, classes, axes)
        if not rows.unchanged:
            weights = _carried(weights, model, axes, rows)
    report = load_fitting(model, weights)
    if not report.loaded:
        raise CheckpointError(f"{folder}: no tensor fits the model of {config.path}: {report}.")
    if rows is not None and not rows.unchanged and not report.reshaped_any(axes):
        report.class_rows = rows
    elif config.experiment.class_map:
        raise ConfigError(
            f"{config.origin('class_map')}: class_map: has no effect: {folder} has no class head that fits the model "
            "in all but its classes, or it has the same classes. Remove it."
        )
    return report


def _carried(
    weights: Mapping[str, Tensor], model: nn.Module, axes: Mapping[str, int | None], rows: ClassRows
) -> dict[str, Tensor]:
    """Returns the weights with the tensors of the class head made for the new classes, where they fit otherwise."""
    own, carried = model.state_dict(), dict(weights)
    for name, axis in axes.items():
        new = None if axis is None else rows.carry(weights[name], own[name], axis)
        if new is not None:
            carried[name] = new
        elif weights[name].shape == own[name].shape:
            del carried[name]  # its rows would have another meaning
    return carried


def _match(folder: Path, config: Config, ours: Classes, head: Mapping[str, object]) -> ClassRows:
    theirs = read_classes(folder)
    rows = ClassRows.match(theirs, ours, read_class_map(folder, config, theirs.names, ours.names))
    if not any(rows.sources):
        raise CheckpointError(
            f"{folder}: has other classes ({classes_differ(theirs, ours)}), and none has the name of a class here, so "
            f"these tensors mean nothing: {', '.join(sorted(head))}. Name the classes that correspond in `class_map`, "
            "or initialize the tensors anew with --reset-head."
        )
    return rows


def read_class_map(
    folder: Path, config: Config, theirs: Sequence[str], ours: Sequence[str] | None
) -> dict[str, list[str]]:
    """Returns the config's `class_map` with a list for each class.

    Args:
        folder: The checkpoint.
        config: That of the new model.
        theirs: Class names of the checkpoint.
        ours: Class names of the new model; None where they are not known yet.

    Raises:
        ConfigError: It names classes that do not exist, or one twice. The message has a line for each.

    Example:
        >>> from segkit.config import load_config
        >>> read_class_map(Path("best"), load_config("configs/quickstart.yaml"), ["sky"], None)
        {}
    """
    given = config.experiment.class_map or {}
    class_map = {name: [names] if isinstance(names, str) else names for name, names in given.items()}
    problems = []
    for name, names in class_map.items():
        where = f"{config.origin(join_path('class_map', name))}: class_map.{name}"
        if ours is not None and name not in ours:
            problems.append(f"{where}: the dataset has no class '{name}'.{_known(name, ours)}")
        problems += [
            f"{where}: {folder} has no class '{source}'.{_known(source, theirs)}"
            for source in names
            if source not in theirs
        ]
        twice = sorted({source for source in names if names.count(source) > 1})
        problems += [f"{where}: names '{source}' more than once. Name it once." for source in twice]
    if problems:
        raise ConfigError("\n".join(problems))
    return class_map


def _known(name: str, names: Sequence[str]) -> str:
    return f"{suggest(name, names)} There are: {join_first(names)}"
