"""The schedule `multi_step`."""

from segkit.registries import SCHEDULES
from segkit.registries.signature import Fraction, NonNegative


@SCHEDULES.register("multi_step")
class MultiStep:
    """Step decay: the learning rate is multiplied by `gamma` at each milestone, after a linear warm-up from 0.

    Args:
        milestones: Steps, counted from 0, at which the learning rate falls.
        gamma: Factor applied at each milestone.
        warmup_steps: Length of the warm-up.

    Example:
        >>> schedule = MultiStep(milestones=[80, 95], gamma=0.1, warmup_steps=10)
        >>> [round(schedule(step, 100), 3) for step in (0, 5, 10, 80, 95)]
        [0.0, 0.5, 1.0, 0.1, 0.01]
    """

    def __init__(self, *, milestones: list[NonNegative], gamma: Fraction = 0.1, warmup_steps: NonNegative = 0) -> None:
        self.milestones = milestones
        self.gamma = gamma
        self.warmup_steps = warmup_steps

    def __call__(self, step: int, steps: int) -> float:
        """Returns the factor, in [0, 1], at `step`, counted from 0, of a training of `steps`."""
        factor: float = self.gamma ** sum(step >= milestone for milestone in self.milestones)
        return factor * step / self.warmup_steps if step < self.warmup_steps else factor
