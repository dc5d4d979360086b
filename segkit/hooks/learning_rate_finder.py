"""The hook `learning_rate_finder`."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from segkit.errors import ConfigError
from segkit.hooks._plot import line_plot
from segkit.registries import HOOKS, Hook, TrainingContext
from segkit.registries.signature import Bounds, PositiveFloat
from segkit.runtime.writing import replace_file

SMOOTHING = 0.8
"""Fraction of the running mean of the loss that a step keeps."""
DIVERGED = 4.0
"""The trial ends where the smoothed loss is this many times its lowest value."""


@HOOKS.register("learning_rate_finder")
class LearningRateFinder(Hook):
    """Tries rising learning rates before the first step, and says at which one the loss falls fastest (Smith 2017).

    Nothing of the trial stays: the training then starts as without it, at the rate of its config. Rates and losses are
    written to `learning_rates.csv` of the run folder, their plot to `learning_rates.svg`. A training that is resumed
    tries nothing.

    Args:
        lowest: The learning rate of the first trial step.
        highest: That of the last one. The trial ends earlier where the loss grows to four times its lowest value.
        steps: Trial steps. The rates between are a geometric series.

    Raises:
        ConfigError: `lowest` is not below `highest`.

    Example:
        >>> from torch import nn
        >>> from segkit.testing.hook import tiny_context
        >>> LearningRateFinder(lowest=1e-3, highest=10.0, steps=5).on_start(tiny_context(nn.Linear(1, 1)))
        learning rate finder: the loss falls fastest at 0.1
    """

    def __init__(
        self,
        *,
        lowest: PositiveFloat = 1e-7,
        highest: PositiveFloat = 1.0,
        steps: Annotated[int, Bounds(least=3)] = 100,
    ) -> None:
        if lowest >= highest:
            raise ConfigError(
                f"hook 'learning_rate_finder': lowest: {lowest} is not below `highest`, {highest}. Lower it."
            )
        self.lowest = lowest
        self.highest = highest
        self.steps = steps

    def on_start(self, context: TrainingContext) -> None:
        if context.step > 0:
            return
        tried = list(self._try_rates(context))
        rate = steepest([one[0] for one in tried], [one[2] for one in tried])
        if rate is None:
            context.print("learning rate finder: the loss falls at no rate. Try a lower `lowest`.")
            return
        context.print(f"learning rate finder: the loss falls fastest at {rate:.2g}")
        if context.is_main and context.folder is not None:
            _write(context.folder, tried, rate)

    def _try_rates(self, context: TrainingContext) -> Iterator[tuple[float, float, float]]:
        """Yields rate, loss and smoothed loss of each trial step."""
        mean = lowest = math.inf
        with context.trial() as step:
            for index in range(self.steps):
                rate = self.lowest * (self.highest / self.lowest) ** (index / (self.steps - 1))
                loss = step(rate)
                mean = loss if index == 0 else SMOOTHING * mean + (1 - SMOOTHING) * loss
                if not mean <= DIVERGED * lowest:  # nan too
                    return
                lowest = min(lowest, mean)
                yield rate, loss, mean


def steepest(rates: list[float], losses: list[float]) -> float | None:
    """Returns the rate at which the loss falls fastest over a geometric series of rates; None where it never falls.

    Example:
        >>> steepest([0.1, 1.0, 10.0, 100.0], [5.0, 4.0, 1.0, 2.0])
        10.0
    """
    falls = [(after - before, rate) for before, after, rate in zip(losses, losses[1:], rates[1:], strict=False)]
    fall, rate = min(falls, default=(0.0, 0.0))
    return rate if fall < 0 else None


def _write(folder: Path, tried: list[tuple[float, float, float]], rate: float) -> None:
    rates, _, smoothed = zip(*tried, strict=True)
    lines = ["learning_rate,loss,smoothed_loss", *(",".join(f"{value:.6g}" for value in one) for one in tried)]
    with replace_file(folder / "learning_rates.csv") as draft:
        draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    plot = line_plot(rates, smoothed, rate, "learning rate", "loss, smoothed")
    with replace_file(folder / "learning_rates.svg") as draft:
        draft.write_text(plot, encoding="utf-8")
