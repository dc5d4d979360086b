"""The cost of a model, part by part: parameters, multiply-adds of a forward pass, memory kept for the backward pass.

The pass runs on fake tensors, which have shapes but no values, so it is quick and needs no memory at any image size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, UntypedStorage, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from segkit.data.padding import padded_size
from segkit.errors import SegkitError
from segkit.inspection.known_values import KnownValues
from segkit.inspection.operation_count import counter
from segkit.models._base import SegmentationModel
from segkit.types import Prediction, Size, pixel_format_of

MASKS = "masks"
"""Name of the part for the masks of the last layer: a product that belongs to no module."""


@dataclass(frozen=True)
class Cost:
    """The cost of one image."""

    parameters: int = 0
    multiply_adds: int = 0
    """Of convolutions, matrix products and attention, as torch counts them; half of the floating-point operations."""
    activation_bytes: int = 0
    """Kept for the backward pass, without parameters and buffers. A tensor counts for the part that keeps it first."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.parameters + other.parameters,
            self.multiply_adds + other.multiply_adds,
            self.activation_bytes + other.activation_bytes,
        )


@dataclass(frozen=True)
class Analysis:
    """The cost of a model and of its parts."""

    size: Size
    """(height, width) of the image, padded to what the model takes."""
    parts: dict[str, Cost]
    """By dotted module name: each part, followed by its submodules, whose costs it includes."""
    total: Cost
    """Of the whole model."""


def analyze(model: SegmentationModel, size: Size) -> Analysis:
    """Measures the cost of a model in training, in float32, on one image.

    For a model with queries, making all masks of the last layer counts too, as a part of its own.

    Args:
        model: Stays as it is.
        size: (height, width) of the image, which is padded to a multiple of the model's `size_divisor`.

    Raises:
        SegkitError: The forward pass depends on values that are computed from the image.

    Example:
        >>> import segkit
        >>> model = segkit.build_model(segkit.load_config("configs/quickstart.yaml"))
        >>> analysis = analyze(model, (64, 64))
        >>> list(analysis.parts)[0], analysis.parts["backbone"].parameters < analysis.total.parameters
        ('backbone', True)
    """
    height, width = padded_size([size], model.size_divisor)
    own = _costs_by_module(model, (height, width))
    costs = {name: _sum_under(name, own) for name, _ in model.named_modules()} | {MASKS: _sum_under(MASKS, own)}
    parts: dict[str, Cost] = {}
    # Two levels are shown: the parts of the model, and what each consists of.
    for part in [*_children(model, "", costs), MASKS]:
        inside = [part]
        while len(inside) == 1 and inside[0] != MASKS:  # a module that only wraps another: look inside
            inside = _children(model, inside[0], costs)
        parts |= {name: costs[name] for name in [part, *inside] if costs[name] != Cost()}
    return Analysis((height, width), parts, costs[""])


def _children(model: nn.Module, name: str, costs: dict[str, Cost]) -> list[str]:
    """Returns the names of the direct submodules that cost anything."""
    prefix = f"{name}." if name else ""
    names = [prefix + child for child, _ in model.get_submodule(name).named_children()]
    return [child for child in names if costs[child] != Cost()]


def _sum_under(name: str, own: dict[str, Cost]) -> Cost:
    """Returns the cost of a module with all its submodules."""
    chosen = (cost for module, cost in own.items() if not name or module == name or module.startswith(name + "."))
    return sum(chosen, Cost())


def _costs_by_module(model: SegmentationModel, size: Size) -> dict[str, Cost]:
    """Returns the cost of each module without its submodules."""
    ledger = _Ledger()
    for name, module in model.named_modules():
        ledger.parameters[name] += sum(parameter.numel() for parameter in module.parameters(recurse=False))
    training = model.training
    model.train()
    try:
        # A forward pass may read the values of buffers, and may change them: it gets copies.
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        with FakeTensorMode(allow_non_fake_inputs=True), KnownValues(), ledger.watching(model):
            fakes = {name: _fake(parameter) for name, parameter in model.named_parameters()} | buffers
            ledger.ignore(fakes.values())  # parameters and buffers are kept anyway
            pixels = pixel_format_of(model)
            images = torch.empty(1, pixels.channels, *size, dtype=pixels.dtype)
            with saved_tensors_hooks(ledger.keep, lambda kept: kept):
                prediction = functional_call(model, fakes, (images,))
                with ledger.inside(MASKS):
                    _ = prediction.mask_logits if isinstance(prediction, Prediction) else None
    except (DataDependentOutputException, DynamicOutputShapeException) as error:
        raise SegkitError(
            f"the cost of model {type(model).__name__} cannot be measured: its forward pass depends on values computed "
            f"from the image ({error}), and it is measured without values. Only those of buffers can be read."
        ) from error
    finally:
        model.train(training)
    return ledger.costs()


def _fake(tensor: Tensor) -> Tensor:
    """Returns an empty tensor of the same shape; inside FakeTensorMode it takes no memory."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, requires_grad=tensor.requires_grad)


@dataclass
class _Ledger:
    """Counts operations and kept tensors for the module whose forward is running."""

    parameters: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    operations: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    kept_bytes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _counter: FlopCounterMode = field(default_factory=counter)
    _booked: int = 0
    """Operations that have been counted for some module."""
    _path: list[str] = field(default_factory=lambda: [""])
    """The modules whose forward is running, the innermost last."""
    _storages: dict[int, UntypedStorage] = field(default_factory=dict)
    """The memory that has been counted, by its address. Holding it keeps the address from being used again."""

    def keep(self, tensor: Tensor) -> Tensor:
        """Counts a tensor that autograd keeps, unless its memory is counted already."""
        # Views share their memory, so storages are counted. Fake ones have no data pointer: `_cdata` tells them apart.
        storage = tensor.untyped_storage()
        if storage._cdata not in self._storages:
            self._storages[storage._cdata] = storage
            self.kept_bytes[self._path[-1]] += storage.nbytes()
        return tensor

    def ignore(self, tensors: Iterable[Tensor]) -> None:
        """Marks the memory of `tensors` as counted."""
        self._storages |= {tensor.untyped_storage()._cdata: tensor.untyped_storage() for tensor in tensors}

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """A context in which every forward of a module of `model` is counted for that module."""
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
        """A context whose operations count for `name`."""
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
        """Counts the operations since the last call for the innermost module."""
        total = self._counter.get_total_flops()
        self.operations[self._path[-1]] += total - self._booked
        self._booked = total

    def costs(self) -> dict[str, Cost]:
        """Returns the cost of each module without its submodules."""
        # MASKS has operations, but is no module with parameters.
        names = [*self.parameters, *(name for name in self.operations if name not in self.parameters)]
        # torch counts a multiplication and an addition as two.
        return {name: Cost(self.parameters[name], self.operations[name] // 2, self.kept_bytes[name]) for name in names}
