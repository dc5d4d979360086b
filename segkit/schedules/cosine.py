"""The schedule `cosine`."""

import math
from collections.abc import Mapping

from segkit.registries import SCHEDULES
from segkit.registries.signature import Fraction, NonNegative
from segkit.schedules._warmup import staged


@SCHEDULES.register("cosine")
class Cosine:
    """Half a cosine from the learning rate down (Loshchilov and Hutter 2017, without restarts), after a linear warm-up.

    Args:
        final_factor: Where the cosine ends, as a fraction of the learning rate.
        warmup_steps: Length of the warm-up from 0; the cosine takes the steps after it.
        backbone_warmup_steps: Length of a second warm-up, that of the backbone, which waits at 0 during the first one.
            0 warms up backbone and head together.

    Example:
        >>> schedule = Cosine(warmup_steps=10)
        >>> [round(schedule(step, 110), 3) for step in (0, 5, 10, 60, 109)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    def __init__(
        self, *, final_factor: Fraction = 0.0, warmup_steps: NonNegative = 0, backbone_warmup_steps: NonNegative = 0
    ) -> None:
        self.final_factor = final_factor
        self.warmup_steps = warmup_steps
        self.backbone_warmup_steps = backbone_warmup_steps

    def __call__(self, step: int, steps: int) -> float | Mapping[str, float]:
        """Returns the factor, in [0, 1], at `step`, counted from 0, of a training of `steps`."""
        done = max(0, step - self.warmup_steps) / max(1, steps - self.warmup_steps)
        decay = self.final_factor + (1 - self.final_factor) * (1 + math.cos(math.pi * done)) / 2
        return staged(step, decay, self.warmup_steps, self.backbone_warmup_steps)
