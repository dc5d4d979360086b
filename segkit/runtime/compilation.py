"""`training.compile`: compiles the parts of a model by `torch.compile`."""

import warnings
from collections.abc import Callable

import torch
from torch import nn

from segkit.registries import MODELS

BUCKET = 128
"""With `training.compile`, padded sizes are multiples of this many pixels: every new size takes another compilation."""


def compile_parts(model: nn.Module) -> None:
    """Compiles the nested parts of a model (backbone, pixel decoder, transformer decoder) for training.

    A model without nested parts is compiled as a whole.

    Evaluation runs uncompiled, because there every image may have another size. Where compiling fails, a warning names
    the cause, and the part runs uncompiled.
    """
    nested = {kind: getattr(model, kind, None) for kind in MODELS.nests}
    parts = {kind: part for kind, part in nested.items() if isinstance(part, nn.Module)}
    for kind, part in (parts or {"model": model}).items():
        # A module calls `self.forward`, so this attribute overrides the method of its class. Wrapping the part in the
        # module that `torch.compile(part)` returns would rename all parameters.
        part.forward = _Forward(kind, part, model)


class _Forward:
    """The forward pass of a part: compiled in training, plain in evaluation and after a failure."""

    def __init__(self, kind: str, part: nn.Module, model: nn.Module) -> None:
        self._kind = kind
        self._model = model
        self._plain: Callable[..., object] = part.forward
        self._compiled: Callable[..., object] | None = torch.compile(part.forward)  # compiles at the first call

    def __call__(self, *inputs: object, **named: object) -> object:
        # The mode of the model: a frozen part is never in training mode.
        if self._compiled is None or not self._model.training:
            return self._plain(*inputs, **named)
        try:
            return self._compiled(*inputs, **named)
        except Exception as error:  # compilers raise errors of all kinds
            self._compiled = None
            what = f"training.compile: the {self._kind} cannot be compiled and runs uncompiled from now on"
            warn_uncompiled(what, error, stacklevel=3)
            return self._plain(*inputs, **named)


def warn_uncompiled(what: str, error: Exception, stacklevel: int) -> None:
    """Warns that something runs uncompiled, and why.

    Args:
        what: What happened.
        error: What the compiler raised; its first line is shown.
        stacklevel: As for `warnings.warn`, counted from the caller.
    """
    cause = next((line for line in str(error).splitlines() if line.strip()), "no reason is given")
    warnings.warn(f"{what}: {type(error).__name__}: {cause}", stacklevel=stacklevel + 1)
