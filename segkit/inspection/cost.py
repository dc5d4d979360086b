"""What a model costs, part by part: parameters, multiply-adds of a forward pass, memory kept for the backward one.

The pass runs on fake tensors, which have shapes but no values: it takes a moment and no memory, whatever the size.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from segkit.data.padding import padded_size
from segkit.inspection.operation_count import counter
from segkit.types import Prediction, Size

MASKS = "masks"
"""The part's name of the product that draws all masks of the last layer, which is no module's."""


@dataclass(frozen=True)
class Cost:
    """Of one image."""

    parameters: int = 0
    multiply_adds: int = 0
    """Of convolutions, matrix products and attention, as torch counts them."""
    activation_bytes: int = 0
    """Kept for the backward pass, parameters and buffers left out. A tensor belongs to the part that keeps it first."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.parameters + other.parameters,
            self.multiply_adds + other.multiply_adds,
            self.activation_bytes + other.activation_bytes,
        )


@dataclass(frozen=True)
class Analysis:
    size: Size
    """Of the image, as the model saw it."""
    parts: dict[str, Cost]
    """By dotted name: each part, then what it is made of. A part's cost holds that of its own parts."""
    total: Cost


def analyze(model: nn.Module, size: Size) -> Analysis:
    """The cost of `model` in training, in float32, on one image of at least `size`, grown to what the model can take.

    For a model of queries, drawing all masks of the last layer is counted too, as a part of its own.
    """
    height, width = padded_size([size], int(model.size_divisor))  # type: ignore[arg-type]
    own = _costs_by_module(model, (height, width))
    costs = {name: _sum_under(name, own) for name, _ in model.named_modules()} | {MASKS: _sum_under(MASKS, own)}
    parts: dict[str, Cost] = {}
    for part in [*_children(model, "", costs), MASKS]:
        inside = [part]
        while len(inside) == 1 and inside[0] != MASKS:  # a part that only wraps another gives way to it
            inside = _children(model, inside[0], costs)
        parts |= {name: costs[name] for name in [part, *inside] if costs[name] != Cost()}
    return Analysis((height, width), parts, costs[""])


def _children(model: nn.Module, name: str, costs: dict[str, Cost]) -> list[str]:
    """The names of a module's submodules that cost anything."""
    prefix = f"{name}." if name else ""
    names = [prefix + child for child, _ in model.get_submodule(name).named_children()]
    return [child for child in names if costs[child] != Cost()]


def _sum_under(name: str, own: dict[str, Cost]) -> Cost:
    chosen = (cost for module, cost in own.items() if not name or module == name or module.startswith(name + "."))
    return sum(chosen, Cost())


def _costs_by_module(model: nn.Module, size: Size) -> dict[str, Cost]:
    """What each module itself adds, its submodules left out."""
    ledger = _Ledger()
    for name, module in model.named_modules():
        ledger.parameters[name] += sum(parameter.numel() for parameter in module.parameters(recurse=False))
    training = model.training
    model.train()
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), ledger.watching(model):
            fakes = {name: _fake(parameter) for name, parameter in model.named_parameters()}
            fakes |= {name: _fake(buffer) for name, buffer in model.named_buffers()}
            ledger.ignore(fakes.values())
            images = torch.empty(1, 3, *size, dtype=torch.uint8)
            with saved_tensors_hooks(ledger.keep, lambda kept: kept):
                prediction = functional_call(model, fakes, (images,))
                with ledger.inside(MASKS):
                    _ = prediction.mask_logits if isinstance(prediction, Prediction) else None
    finally:
        model.train(training)
    return ledger.costs()


def _fake(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, requires_grad=tensor.requires_grad)


@dataclass
class _Ledger:
    """Books operations and kept tensors on the module that is at work."""

    parameters: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    operations: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    kept_bytes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _counter: FlopCounterMode = field(default_factory=counter)
    _booked: int = 0
    _path: list[str] = field(default_factory=lambda: [""])
    _storages: dict[int, Any] = field(default_factory=dict)
    """Held, so that no other storage can take the place of one that is gone."""

    def keep(self, tensor: Tensor) -> Tensor:
        """Called by autograd for each tensor that it keeps."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self._storages:
            self._storages[storage._cdata] = storage
            self.kept_bytes[self._path[-1]] += storage.nbytes()
        return tensor

    def ignore(self, tensors: Any) -> None:
        self._storages |= {tensor.untyped_storage()._cdata: tensor.untyped_storage() for tensor in tensors}

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        hooks = []
        for name, module in model.named_modules():
            hooks.append(module.register_forward_pre_hook(lambda *_, name=name: self._enter(name)))
            hooks.append(module.register_forward_hook(lambda *_: self._leave()))
        try:
            with self._counter:
                yield
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        self._enter(name)
        yield
        self._leave()

    def _enter(self, name: str) -> None:
        self._book()
        self._path.append(name)

    def _leave(self) -> None:
        self._book()
        self._path.pop()

    def _book(self) -> None:
        total = self._counter.get_total_flops()
        self.operations[self._path[-1]] += total - self._booked
        self._booked = total

    def costs(self) -> dict[str, Cost]:
        names = [*self.parameters, *(name for name in self.operations if name not in self.parameters)]
        return {name: Cost(self.parameters[name], self.operations[name] // 2, self.kept_bytes[name]) for name in names}
