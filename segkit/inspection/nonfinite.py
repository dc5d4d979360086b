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
        self.first: str | None = None
        """The first tensor that was not finite, in the order of computation."""

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
        """Remembers `name` if the tensor is the first that is not finite."""
        if self.first is None and tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            self.first = f"{name}, {tuple(tensor.shape)}"

    def _after(self, name: str, module: nn.Module, inputs: object, outputs: object) -> None:
        place = f"{name} ({type(module).__name__})"
        for tensor in _tensors(outputs):
            self.see(f"the output of {place}", tensor)
            if tensor.requires_grad and torch.is_grad_enabled():
                hook = partial(self.see, f"the gradient of the output of {place}")
                tensor.register_hook(hook)  # type: ignore[no-untyped-call]


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
