"""A copy of what an optimizer step changes, so that one that fails halfway can be undone."""

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn


class UpdateBackup:
    """The weights and the optimizer's state before an update.

    It takes the memory of the weights and the optimizer's state once more, and the time of a copy in each step.

    Args:
        model: Its parameters are copied.
        optimizer: Of these parameters.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        >>> backup = UpdateBackup(model, optimizer)
        >>> before = model.weight.item()
        >>> backup.take()
        >>> with torch.no_grad():
        ...     _ = model.weight.add_(1)
        >>> backup.restore()
        >>> model.weight.item() == before
        True
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._parameters = [parameter.data for parameter in model.parameters()]
        self._optimizer = optimizer
        self._originals: list[Tensor] = []
        self._copies: list[Tensor] = []
        self._state: dict[Tensor, Any] = {}
        self._groups: list[dict[str, Any]] = []

    @torch.no_grad()
    def take(self) -> None:
        """Copies everything."""
        self._state = {key: _structure(value) for key, value in self._optimizer.state.items()}
        self._groups = [_without_parameters(group) for group in self._optimizer.param_groups]
        originals = [*self._parameters, *_tensors(self._state.values())]
        if [id(one) for one in originals] != [id(one) for one in self._originals]:
            self._originals, self._copies = originals, [torch.empty_like(one) for one in originals]
        _copy(self._copies, self._originals)

    @torch.no_grad()
    def restore(self) -> None:
        """Sets everything back to what `take` copied. What the optimizer has added since then is removed."""
        _copy(self._originals, self._copies)
        self._optimizer.state.clear()
        self._optimizer.state.update(self._state)
        for group, before in zip(self._optimizer.param_groups, self._groups, strict=True):
            group.update(before)


def _structure(value: Any) -> Any:
    """Copies a value with the same tensors in it: their content is copied apart."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, dict):
        return {key: _structure(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_structure(one) for one in value)
    return copy.deepcopy(value)


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict):
            yield from _tensors(value.values())
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _without_parameters(group: dict[str, Any]) -> dict[str, Any]:
    return {key: _structure(value) for key, value in group.items() if key != "params"}


def _copy(destinations: list[Tensor], sources: list[Tensor]) -> None:
    """Copies tensors, those of each device in one call: a GPU would spend most of the time on starting each copy."""
    for device in {source.device for source in sources}:
        pairs = [pair for pair in zip(destinations, sources, strict=True) if pair[1].device == device]
        torch._foreach_copy_([pair[0] for pair in pairs], [pair[1] for pair in pairs])
