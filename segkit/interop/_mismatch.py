"""Describes where a converted checkpoint does not fit the config's model: the part of the config, and the sizes."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from segkit.config import Config
from segkit.errors import counted
from segkit.runtime.weights import LoadReport

_PARTS = {
    "backbone.": "backbone",
    "pixel_decoder.": "pixel_decoder",
    "transformer_decoder.class_head.": "class head",
    "classifier.": "class head",
    "transformer_decoder.": "transformer_decoder",
}
"""Prefix of a tensor's name -> the part it belongs to."""

_ROWS = {
    "transformer_decoder.class_head.weight": "rows",
    "classifier.weight": "rows",
    "transformer_decoder.query_positions.weight": "queries",
}
"""Tensors whose first size is easier to understand than their shape -> what it counts."""


def describe_mismatch(
    report: LoadReport,
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    theirs: Mapping[str, str],
    where: str,
    config: Config,
) -> str:
    """Returns an error message with one line per part that does not fit.

    Args:
        report: What does not fit, in segkit's names.
        model: The config's model.
        tensors: The file's tensors, by segkit's names.
        theirs: The file's name for each name of segkit.
        where: The file.
        config: The config.
    """
    reshaped = [entry.partition(":")[0] for entry in report.reshaped]
    own = model.state_dict()
    lines = [f"{where}: does not fit the model of {config.path}:"]
    for part in [*dict.fromkeys(_PARTS.values()), "something else"]:
        problems = []
        sizes = [(name, tuple(tensors[name].shape), tuple(own[name].shape)) for name in reshaped if _part(name) == part]
        retyped = [theirs[name] for name, there, here in sizes if there == here]
        sizes = [size for size in sizes if size[1] != size[2]]
        if sizes:
            problems.append(_size_problem(sizes, theirs))
        if retyped:
            problems.append(f"{counted(retyped, 'tensor')} of another kind of number, such as {retyped[0]}")
        for title, names in (
            ("only in the file", [theirs[name] for name in report.unexpected if _part(name) == part]),
            ("only in the config's model", [name for name in report.missing if _part(name) == part]),
        ):
            if names:
                problems.append(f"{counted(names, 'tensor')} {title}, such as {names[0]}")
        if problems:
            lines.append(f"  {part}{_chosen(config, part)}: {'; '.join(problems)}")
    return "\n".join([*lines, "Choose the config the file was made with, or change these settings to match it."])


def _part(name: str) -> str:
    return next((part for start, part in _PARTS.items() if name.startswith(start)), "something else")


def _chosen(config: Config, part: str) -> str:
    """The config's choice for the part, in parentheses."""
    setting: Any = config.experiment.model.get(part)
    return f" ({' '.join(setting[key] for key in ('type', 'name') if key in setting)})" if setting else ""


def _size_problem(sizes: list[tuple[str, tuple[int, ...], tuple[int, ...]]], theirs: Mapping[str, str]) -> str:
    """`sizes`: (segkit's name, shape in the file, shape in the model) of tensors of one part."""
    for name, there, here in sizes:
        if name in _ROWS:
            return f"{there[0]} {_ROWS[name]} in the file, {here[0]} in the config's model"
    name, there, here = sizes[0]
    return (
        f"{counted(sizes, 'tensor')} of another shape, such as {theirs[name]}: {there} in the file, {here} in the "
        "config's model"
    )
