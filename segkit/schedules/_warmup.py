"""The warm-up that schedules share."""

from collections.abc import Mapping


def ramp(step: int, start: int, length: int, factor: float = 0.0) -> float:
    """Returns a factor that rises linearly from `factor` to 1 over `length` steps from `start` on.

    Example:
        >>> [ramp(step, 10, 4) for step in (0, 10, 12, 14, 20)]
        [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    done = min(1.0, max(0, step - start) / length) if length else float(step >= start)
    return factor * (1 - done) + done


def staged(
    step: int, decay: float, warmup_steps: int, backbone_warmup_steps: int, factor: float = 0.0
) -> float | Mapping[str, float]:
    """Returns the factor of a decaying learning rate with warm-up, or that of each part where the backbone follows.

    Args:
        step: The step, counted from 0.
        decay: The factor without warm-up.
        warmup_steps: Length of the warm-up of the head.
        backbone_warmup_steps: Length of the backbone's, which then begins where the head's ends; 0 warms up both
            together.
        factor: Where the warm-up of the head starts.
    """
    head = decay * ramp(step, 0, warmup_steps, factor)
    if backbone_warmup_steps == 0:
        return head
    return {"backbone": decay * ramp(step, warmup_steps, backbone_warmup_steps), "head": head}
