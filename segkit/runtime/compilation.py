"""`training.compile`: the parts of a model run as `torch.compile` makes them, as long as that works."""

import warnings
from typing import Any

import torch
from torch import nn

from segkit.registries import MODELS

BUCKET = 128
"""Padded sizes are multiples of this many pixels, so that few sizes are compiled for."""


def compile_parts(model: nn.Module) -> None:
    """Compiles each part that the model was built of, for training; evaluation, where every image may have a size of
    its own, runs as before. Names and values of tensors stay."""
    for kind in MODELS.nests:
        part = getattr(model, kind, None)
        if isinstance(part, nn.Module):
            part.forward = _CompiledForward(kind, part)


class _CompiledForward:
    """A part's forward pass; where compiling it fails, the plain one from then on, after a warning that names the
    cause."""

    def __init__(self, kind: str, part: nn.Module) -> None:
        self.kind = kind
        self.part = part
        self.plain = part.forward
        self.compiled: Any = torch.compile(part.forward)

    def __call__(self, *inputs: Any) -> Any:
        if self.compiled is None or not self.part.training:
            return self.plain(*inputs)
        try:
            return self.compiled(*inputs)
        except Exception as error:  # whatever may go wrong in a compiler, training goes on without it
            self.compiled = None
            what = f"training.compile: the {self.kind} cannot be compiled and runs uncompiled from now on"
            warn_uncompiled(what, error, stacklevel=3)
            return self.plain(*inputs)


def warn_uncompiled(what: str, error: Exception, stacklevel: int) -> None:
    """Warns that `what` has happened, and names its cause; `stacklevel` counts from the caller."""
    cause = next((line for line in str(error).splitlines() if line.strip()), "no reason is given")
    warnings.warn(f"{what}: {type(error).__name__}: {cause}", stacklevel=stacklevel + 1)
