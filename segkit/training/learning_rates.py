"""Sets the learning rates of an optimizer before each step."""

from collections.abc import Mapping

import torch
from torch import nn

from segkit.errors import ConfigError
from segkit.layers.depth import backbone_layers
from segkit.registries import Schedule

BACKBONE, HEAD = "backbone", "head"
"""The parts to which a schedule gives factors."""


class LearningRates:
    """The learning rates of all parameter groups.

    Args:
        optimizer: Its groups have the base rates now, which the schedule scales. Groups with parameters of both
            backbone and head are divided where the schedule tells them apart.
        schedule: The factors at each step.
        steps: Optimizer steps of the whole training.
        model: The model.

    Raises:
        ConfigError: The schedule has a factor for the backbone, but the model has no backbone that learns.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, schedule: Schedule, steps: int, model: nn.Module) -> None:
        self._parts = [HEAD] * len(optimizer.param_groups)
        if isinstance(schedule(0, steps), Mapping):
            self._parts = _divide(optimizer, model)
        self.base = [group["lr"] for group in optimizer.param_groups]
        """The rates before the schedule. A resumed optimizer brings those of its last step, which do not count."""
        self._optimizer = optimizer
        self._schedule = schedule
        self.steps = steps
        """Optimizer steps of the whole training."""

    @property
    def highest(self) -> float:
        """The highest rate of all groups at present."""
        return float(max(group["lr"] for group in self._optimizer.param_groups))

    def set(self, step: int) -> None:
        """Sets the rates of `step`, counted from 0."""
        factors = self._schedule(step, self.steps)
        self._scale(factors if isinstance(factors, Mapping) else {HEAD: factors})

    def set_highest(self, rate: float) -> None:
        """Sets the highest rate to `rate`, and the others in proportion."""
        highest = max(self.base)
        self._scale(dict.fromkeys((BACKBONE, HEAD), rate / highest if highest else 0.0))

    def _scale(self, factors: Mapping[str, float]) -> None:
        for group, rate, part in zip(self._optimizer.param_groups, self.base, self._parts, strict=True):
            group["lr"] = rate * factors[part]


def _divide(optimizer: torch.optim.Optimizer, model: nn.Module) -> list[str]:
    """Divides the groups by part, in their order; returns the part of each."""
    names = {name for layer in backbone_layers(model) for name in layer}
    inside = {parameter for name, parameter in model.named_parameters() if name in names}
    divided = []
    for group in optimizer.param_groups:
        for part in (BACKBONE, HEAD):
            chosen = [parameter for parameter in group["params"] if (parameter in inside) == (part == BACKBONE)]
            if chosen:
                divided.append((part, {**group, "params": chosen}))
    parts = [part for part, _ in divided]
    if BACKBONE not in parts:
        raise ConfigError(
            f"training.schedule: has a warm-up of the backbone, but model {type(model).__name__} has no parameters of "
            "a backbone that learn. Leave out backbone_warmup_steps, or give the model an attribute `backbone` or a "
            "method `parameter_layers` (segkit.registries.Layered)."
        )
    optimizer.param_groups[:] = [group for _, group in divided]
    return parts
