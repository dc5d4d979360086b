"""Parts that change with the step of the training."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Stepped(Protocol):
    """A part that changes with the step, such as a loss that ramps up or attention masks that are annealed.

    The method is optional. Every module inside the model or the criterion may have it, and a matcher. What it sets
    follows from `step` and `steps` alone, so that a resumed training goes on alike. What an evaluation needs of it is
    kept in a buffer, which is saved with the weights: a model that is loaded from a checkpoint gets no call.
    """

    def on_step(self, step: int, steps: int, /) -> None:
        """Called once before each optimizer step, 0 <= step < steps, however many batches the step has."""
