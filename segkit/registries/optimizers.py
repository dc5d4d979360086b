"""Optimizers of a model's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from segkit.registries.registry import Registry

if TYPE_CHECKING:
    import torch


class Optimizer(Protocol):
    """A torch optimizer over the trainable parameters of the model, in groups."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Mappings with `params`, `lr` and whatever else differs between the groups."""


OPTIMIZERS: Registry[torch.optim.Optimizer] = Registry(
    "optimizer", "optimizers", Optimizer, injected=("model",), base="torch.optim.Optimizer"
)
"""The registered optimizers; `Optimizer` is their contract."""
