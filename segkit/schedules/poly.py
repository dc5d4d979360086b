"""The polynomial learning rate schedule, with warm-up."""

from segkit.registries import SCHEDULES
from segkit.registries.signature import Fraction, NonNegative, NonNegativeFloat


@SCHEDULES.register("poly")
class Poly:
    """(1 - step / steps) ** power, rising linearly to it over the first steps."""

    def __init__(
        self, *, power: NonNegativeFloat = 0.9, warmup_steps: NonNegative = 0, warmup_factor: Fraction = 1e-6
    ) -> None:
        """
        Args:
            power: 1 = linear decay.
            warmup_steps: how many steps the rise takes.
            warmup_factor: where it starts, as a share of the learning rate.
        """
        self.power = power
        self.warmup_steps = warmup_steps
        self.warmup_factor = warmup_factor

    def __call__(self, step: int, steps: int) -> float:
        """The factor at `step`, from 0, of `steps`; in [0, 1]."""
        factor: float = max(0.0, 1 - step / steps) ** self.power
        if step < self.warmup_steps:
            done = step / self.warmup_steps
            factor *= self.warmup_factor * (1 - done) + done
        return factor
