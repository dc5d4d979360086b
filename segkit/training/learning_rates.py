"""Sets the learning rates of an optimizer before each step."""

import torch

from segkit.registries import Schedule


class LearningRates:
    """The learning rates of all parameter groups.

    Args:
        optimizer: Its groups have the base rates now, which the schedule scales.
        schedule: The factor at each step.
        steps: Optimizer steps of the whole training.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, schedule: Schedule, steps: int) -> None:
        self.base = [group["lr"] for group in optimizer.param_groups]
        """The rates before the schedule. A resumed optimizer brings those of its last step, which do not count."""
        self._optimizer = optimizer
        self._schedule = schedule
        self._steps = steps

    @property
    def highest(self) -> float:
        """The highest rate of all groups at present."""
        return float(max(group["lr"] for group in self._optimizer.param_groups))

    def set(self, step: int) -> None:
        """Sets the rates of `step`, counted from 0."""
        self._scale(self._schedule(step, self._steps))

    def set_highest(self, rate: float) -> None:
        """Sets the highest rate to `rate`, and the others in proportion."""
        highest = max(self.base)
        self._scale(rate / highest if highest else 0.0)

    def _scale(self, factor: float) -> None:
        for group, rate in zip(self._optimizer.param_groups, self.base, strict=True):
            group["lr"] = rate * factor
