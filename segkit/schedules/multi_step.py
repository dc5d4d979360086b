"""The learning rate schedule in steps, with warm-up."""

from segkit.registries import SCHEDULES
from segkit.registries.signature import Fraction, NonNegative


@SCHEDULES.register("multi_step")
class MultiStep:
    """Multiplied by `gamma` from each milestone on, rising linearly from nothing over the first steps."""

    def __init__(self, *, milestones: list[NonNegative], gamma: Fraction = 0.1, warmup_steps: NonNegative = 0) -> None:
        """
        Args:
            milestones: steps, from 0, at which the rate falls.
            gamma: what it is multiplied by there.
            warmup_steps: how many steps the rise takes.
        """
        self.milestones = milestones
        self.gamma = gamma
        self.warmup_steps = warmup_steps

    def __call__(self, step: int, steps: int) -> float:
        """The factor at `step`, from 0, of `steps`; in [0, 1]."""
        factor: float = self.gamma ** sum(step >= milestone for milestone in self.milestones)
        return factor * step / self.warmup_steps if step < self.warmup_steps else factor
