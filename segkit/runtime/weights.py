"""Copies tensors into a model by name and shape."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from segkit.errors import counted
from segkit.runtime.class_rows import ClassRows


@dataclass
class LoadReport:
    """Which tensors of a file were loaded into a model.

    Example:
        >>> str(LoadReport(loaded=["a", "b"], missing=["c"]))
        '2 tensors loaded; 1 only in the model, unchanged: c'
    """

    loaded: list[str] = field(default_factory=list)
    """Names of the tensors that fit."""
    missing: list[str] = field(default_factory=list)
    """Names that only the model has. These tensors keep their initial values."""
    unexpected: list[str] = field(default_factory=list)
    """Names that only the file has. These tensors are not used."""
    reshaped: list[str] = field(default_factory=list)
    """`name: shape in the file, shape in the model` of tensors with two shapes, or two kinds of number, which are named
    too. They are not used."""
    class_rows: ClassRows | None = None
    """What the rows of the class head are made of, where the file has other classes."""

    def __str__(self) -> str:
        lines = [f"{counted(self.loaded, 'tensor')} loaded"]
        for title, names in (
            ("only in the model, unchanged", self.missing),
            ("only in the file, not used", self.unexpected),
            ("with another shape or type, not used", self.reshaped),
        ):
            if names:
                lines.append(f"{len(names)} {title}: {_shortened(names)}")
        return "; ".join(lines if self.class_rows is None else [*lines, str(self.class_rows)])

    def reshaped_any(self, names: Collection[str]) -> bool:
        """Whether one of these tensors has two shapes."""
        return any(entry.partition(":")[0] in names for entry in self.reshaped)

    @property
    def complete(self) -> bool:
        """Whether every tensor of the file and of the model was loaded."""
        return not (self.missing or self.unexpected or self.reshaped)


def _shortened(names: list[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def load_fitting(model: nn.Module, weights: Mapping[str, Tensor]) -> LoadReport:
    """Copies the tensors into `model` that fit by name, shape and kind of number, and reports the others.

    Floating-point numbers of another precision fit. Integers in the place of weights would be copied without a word.
    """
    report = LoadReport()
    own = model.state_dict()
    fitting = {}
    for name, tensor in weights.items():
        if name not in own:
            report.unexpected.append(name)
        elif own[name].shape != tensor.shape:
            report.reshaped.append(f"{name}: {tuple(tensor.shape)}, {tuple(own[name].shape)}")
        elif own[name].is_floating_point() and not tensor.is_floating_point():
            report.reshaped.append(f"{name}: {_kind(tensor)}, {_kind(own[name])}")
        else:
            fitting[name] = tensor
            report.loaded.append(name)
    reshaped = {entry.partition(":")[0] for entry in report.reshaped}
    # A checkpoint may lack tensors on purpose, so `load_state_dict` is not strict; the report names all of them.
    report.missing = [name for name in own if name not in fitting and name not in reshaped]
    model.load_state_dict(fitting, strict=False)
    return report


def _kind(tensor: Tensor) -> str:
    if tensor.is_floating_point():
        return "floats"
    return "complex numbers" if tensor.is_complex() else "booleans" if tensor.dtype == torch.bool else "integers"
