"""Finds the first tensor of a forward and backward pass that is not finite."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import partial

import torch
from torch import Tensor, nn


class NonFiniteWatch:
    """Watches the outputs of all modules, and their gradients.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 1), nn.Softplus())
        >>> watch = NonFiniteWatch()
        >>> with watch.over(model):
        ...     _ = model(torch.tensor([[float("inf")]]))
        >>> watch.first
        'the output of 0 (Linear), (1, 1)'
    """

    def __init__(self) -> None:
        self._value: str | None = None
        self._gradient: str | None = None

    @property
    def first(self) -> str | None:
        """The first value that was not finite, in the order of computation; else the first gradient."""
        return self._value or self._gradient

    @contextmanager
    def over(self, model: nn.Module) -> Iterator[None]:
        """Watches a model. Modules inside others come first, since they finish first."""
        handles = [
            module.register_forward_hook(partial(self._after, name or "the model"))
            for name, module in model.named_modules()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def see(self, name: str, tensor: Tensor) -> None:
        """Remembers `name` if the tensor is the first value that is not finite."""
        if self._value is None and _is_bad(tensor):
            self._value = f"{name}, {tuple(tensor.shape)}"

    def see_gradient(self, name: str, tensor: Tensor) -> None:
        """Remembers `name` if the tensor is the first gradient that is not finite."""
        if self._gradient is None and _is_bad(tensor):
            self._gradient = f"the gradient of {name}, {tuple(tensor.shape)}"

    def _after(self, name: str, module: nn.Module, inputs: object, outputs: object) -> None:
        place = f"{name} ({type(module).__name__})"
        for tensor in _tensors(outputs):
            self.see(f"the output of {place}", tensor)
            if tensor.requires_grad and torch.is_grad_enabled():
                hook = partial(self.see_gradient, f"the output of {place}")
                tensor.register_hook(hook)  # type: ignore[no-untyped-call]


def _is_bad(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and not bool(tensor.isfinite().all())


def _tensors(value: object) -> Iterator[Tensor]:
    """Yields the tensors in nested lists, dicts and dataclasses."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif is_dataclass(value):
        yield from _tensors([getattr(value, field.name) for field in fields(value)])
