"""Tells parts the step of the training."""

from collections.abc import Iterable

from torch import nn

from segkit.registries.stepped import Stepped


def stepped_parts(*owners: object) -> list[Stepped]:
    """Returns the parts that change with the step: `owners` and all modules inside them, each once.

    Example:
        >>> class Ramp(nn.Module):
        ...     def on_step(self, step, steps):
        ...         self.factor = step / steps
        >>> ramp = Ramp()
        >>> stepped_parts(nn.Sequential(nn.ReLU(), ramp), ramp, None) == [ramp]
        True
    """
    parts = [part for owner in owners for part in (owner.modules() if isinstance(owner, nn.Module) else [owner])]
    return [part for part in {id(part): part for part in parts}.values() if isinstance(part, Stepped)]


def announce_step(parts: Iterable[Stepped], step: int, steps: int) -> None:
    """Calls `on_step` of parts.

    Args:
        parts: As `stepped_parts` returns them.
        step: From 0.
        steps: Optimizer steps of the whole training.
    """
    for part in parts:
        part.on_step(step, steps)
