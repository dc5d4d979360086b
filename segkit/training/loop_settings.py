"""The numbers of a training loop."""

from dataclasses import dataclass
from typing import Literal

from segkit.config.sections import Training


@dataclass(frozen=True)
class LoopSettings:
    """How many steps a training makes, how, and what happens between them.

    What has an interval happens after the last step too.

    Example:
        >>> LoopSettings(steps=100).accumulate
        1
    """

    steps: int
    """Optimizer steps of the whole training, those of an earlier run included."""
    accumulate: int = 1
    """Batches per optimizer step."""
    clip_gradients: float | None = None
    """Upper bound of the norm of all gradients together."""
    on_nonfinite: Literal["stop", "skip"] = "stop"
    """What a step does whose loss or gradients are not finite."""
    evaluate_start: bool = False
    """Evaluate the weights before the first step too. That does not count in `best`."""
    log_every: int = 20
    """Steps between lines of the log."""
    evaluate_every: int | None = None
    """Steps between evaluations."""
    checkpoint_every: int | None = None
    """Steps between checkpoints."""
    best_metric: str | None = None
    """The summary metric that decides which checkpoint is the best; by default the first."""
    seed: int | None = None
    """The random numbers of each step follow from it, so that none of their states need be saved. None draws on."""

    @classmethod
    def of(cls, section: Training, *, evaluate_start: bool, seed: int | None) -> "LoopSettings":
        """Returns those that the section `training` of a config sets."""
        return cls(
            steps=section.steps,
            accumulate=section.accumulate,
            clip_gradients=section.clip_gradients,
            on_nonfinite=section.on_nonfinite,
            evaluate_start=evaluate_start,
            log_every=section.log_every,
            evaluate_every=section.evaluate_every,
            checkpoint_every=section.steps_between_checkpoints,
            best_metric=section.best_metric,
            seed=seed,
        )

    @property
    def intervals(self) -> tuple[int | None, ...]:
        """Those of everything that happens between steps."""
        return self.log_every, self.evaluate_every, self.checkpoint_every
