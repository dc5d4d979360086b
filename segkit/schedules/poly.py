"""The schedule `poly`."""

from segkit.registries import SCHEDULES
from segkit.registries.signature import Fraction, NonNegative, NonNegativeFloat


@SCHEDULES.register("poly")
class Poly:
    """Polynomial decay (1 - step / steps) ** power, after a linear warm-up (Chen et al. 2018, "DeepLab", sec. 4.1).

    Args:
        power: Exponent; 1 is linear decay.
        warmup_steps: Length of the warm-up.
        warmup_factor: Where the warm-up starts, as a fraction of the learning rate.

    Example:
        >>> schedule = Poly(power=1.0, warmup_steps=10, warmup_factor=0.5)
        >>> [round(schedule(step, 100), 3) for step in (0, 10, 50, 99)]
        [0.5, 0.9, 0.5, 0.01]
    """

    def __init__(
        self, *, power: NonNegativeFloat = 0.9, warmup_steps: NonNegative = 0, warmup_factor: Fraction = 1e-6
    ) -> None:
        self.power = power
        self.warmup_steps = warmup_steps
        self.warmup_factor = warmup_factor

    def __call__(self, step: int, steps: int) -> float:
        """Returns the factor, in [0, 1], at `step`, counted from 0, of a training of `steps`."""
        factor: float = max(0.0, 1 - step / steps) ** self.power
        # The warm-up multiplies the decay, so that there is no jump where it ends.
        if step < self.warmup_steps:
            done = step / self.warmup_steps
            factor *= self.warmup_factor * (1 - done) + done
        return factor
