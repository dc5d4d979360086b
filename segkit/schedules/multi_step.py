"""The schedule `multi_step`."""

from collections.abc import Mapping

from segkit.registries import SCHEDULES
from segkit.registries.signature import Fraction, NonNegative
from segkit.schedules._warmup import staged


@SCHEDULES.register("multi_step")
class MultiStep:
    """Step decay: the learning rate is multiplied by `gamma` at each milestone, after a linear warm-up from 0.

    Args:
        milestones: Steps, counted from 0, at which the learning rate falls.
        gamma: Factor applied at each milestone.
        warmup_steps: Length of the warm-up.
        backbone_warmup_steps: Length of a second warm-up, that of the backbone, which waits at 0 during the first one.
            0 warms up backbone and head together.

    Example:
        >>> schedule = MultiStep(milestones=[80, 95], gamma=0.1, warmup_steps=10)
        >>> [round(schedule(step, 100), 3) for step in (0, 5, 10, 80, 95)]
        [0.0, 0.5, 1.0, 0.1, 0.01]
    """

    def __init__(
        self,
        *,
        milestones: list[NonNegative],
        gamma: Fraction = 0.1,
        warmup_steps: NonNegative = 0,
        backbone_warmup_steps: NonNegative = 0,
    ) -> None:
        self.milestones = milestones
        self.gamma = gamma
        self.warmup_steps = warmup_steps
        self.backbone_warmup_steps = backbone_warmup_steps

    def __call__(self, step: int, steps: int) -> float | Mapping[str, float]:
        """Returns the factor, in [0, 1], at `step`, counted from 0, of a training of `steps`."""
        factor: float = self.gamma ** sum(step >= milestone for milestone in self.milestones)
        return staged(step, factor, self.warmup_steps, self.backbone_warmup_steps)
