"""The schedule `poly`."""

from collections.abc import Mapping

from segkit.registries import SCHEDULES
from segkit.registries.signature import Fraction, NonNegative, NonNegativeFloat
from segkit.schedules._warmup import staged


@SCHEDULES.register("poly")
class Poly:
    """Polynomial decay (1 - step / steps) ** power, after a linear warm-up (Chen et al. 2018, "DeepLab", sec. 4.1).

    Args:
        power: Exponent; 1 is linear decay.
        warmup_steps: Length of the warm-up.
        warmup_factor: Where the warm-up starts, as a fraction of the learning rate.
        backbone_warmup_steps: Length of a second warm-up, that of the backbone, which waits at 0 during the first one
            (Kerssies et al. 2025, "Your ViT is Secretly an Image Segmentation Model"). 0 warms up both
            together.

    Example:
        >>> schedule = Poly(power=1.0, warmup_steps=10, warmup_factor=0.5)
        >>> [round(schedule(step, 100), 3) for step in (0, 10, 50, 99)]
        [0.5, 0.9, 0.5, 0.01]
    """

    def __init__(
        self,
        *,
        power: NonNegativeFloat = 0.9,
        warmup_steps: NonNegative = 0,
        warmup_factor: Fraction = 1e-6,
        backbone_warmup_steps: NonNegative = 0,
    ) -> None:
        self.power = power
        self.warmup_steps = warmup_steps
        self.warmup_factor = warmup_factor
        self.backbone_warmup_steps = backbone_warmup_steps

    def __call__(self, step: int, steps: int) -> float | Mapping[str, float]:
        """Returns the factor, in [0, 1], at `step`, counted from 0, of a training of `steps`."""
        # The warm-up multiplies the decay, so that there is no jump where it ends.
        decay: float = max(0.0, 1 - step / steps) ** self.power
        return staged(step, decay, self.warmup_steps, self.backbone_warmup_steps, self.warmup_factor)
