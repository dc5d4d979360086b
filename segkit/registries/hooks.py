"""Hooks: code that runs at fixed moments of a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from segkit.registries.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn

    from segkit.runtime.writing import Json


class Progress(Protocol):
    """How far a training is."""

    @property
    def step(self) -> int:
        """Optimizer steps done."""

    @property
    def best(self) -> float | None:
        """The best value so far of the metric that decides about `best`, negated if the metric is better when lower;
        None before the first evaluation."""

    @property
    def evaluations_without_best(self) -> int:
        """Evaluations since then."""


@dataclass
class TrainingContext:
    """What hooks see of a training, and may do to it.

    Example:
        >>> from torch import nn
        >>> from segkit.testing.hook import tiny_context
        >>> context = tiny_context(nn.Linear(1, 1))
        >>> context.step, context.steps, context.is_main
        (0, 10, True)
    """

    model: nn.Module
    """The model that learns, on its device."""
    optimizer: torch.optim.Optimizer
    """Its optimizer. The schedule sets the learning rates anew before every step."""
    steps: int
    """Optimizer steps of the whole training."""
    state: Progress
    """How far the training is."""
    log: Callable[[Mapping[str, Json]], None]
    """Writes values to `metrics.jsonl` and to all trackers; values may be nested in sections."""
    print: Callable[[str], None]
    """Prints a line, in the main process."""
    stop: Callable[[str], None]
    """Ends the training after the current step, for this reason. All processes follow where one asks for it."""
    trial: Callable[[], AbstractContextManager[Callable[[float], float]]]
    """Starts a trial at the beginning of a training: a context manager that gives a function `(learning rate) -> loss`,
    which makes a step on the next batches. Groups of lower rates keep their ratio to the highest. At the end of the
    block everything is as it was before. All processes must do the same."""
    is_main: bool = True
    """Whether this process is the one that prints and writes what all processes have in common."""
    folder: Path | None = None
    """The run folder; None where the training writes nothing."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The config as plain values, without defaults."""
    evaluated_model: nn.Module | None = None
    """The model that is evaluated and saved as `best`: `model`, unless `before_evaluation` sets another."""
    unchanged: torch.Tensor | None = None
    """Whether the last step was not finite, so that it changed nothing: a scalar on the device. Asking for its value
    waits for the device. None before the first step."""

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.state.step


@runtime_checkable
class Hook(Protocol):
    """Takes part in a training. A hook derives from `segkit.Hook`, whose methods do nothing, and overrides some.

    Every process has its own hooks and calls them at the same moments, in the order of the config. A hook that writes
    files does so where `context.is_main`. An error in a hook ends the training, whose last whole step is saved.

    Example:
        >>> class GoodEnough(Hook):
        ...     def __init__(self, *, value: float = 0.9) -> None:
        ...         self.value = value
        ...
        ...     def after_evaluation(self, context, metrics):
        ...         if context.state.best >= self.value:
        ...             context.stop(f"{self.value} is reached")
        >>> from segkit.testing import check_hook
        >>> check_hook(GoodEnough)
    """

    def on_model(self, model: nn.Module) -> None:
        """The model has the weights that it starts from. Its optimizer is built next, of what requires a gradient."""

    def on_start(self, context: TrainingContext) -> None:
        """The training starts, or goes on after `context.step` steps. Random numbers drawn here change nothing."""

    def after_step(self, context: TrainingContext) -> None:
        """An optimizer step was made, or changed nothing because it was not finite: see `context.unchanged`.

        Where such a step ends the training, `--resume` makes it again: an average over steps must leave it out.
        """

    def before_evaluation(self, context: TrainingContext) -> None:
        """The model is evaluated next, or what the hook sets as `context.evaluated_model`."""

    def after_evaluation(self, context: TrainingContext, metrics: Mapping[str, float]) -> None:
        """The model was evaluated to these metrics. `best` is written if they are better than all before."""

    def on_log(self, context: TrainingContext, values: Mapping[str, Json]) -> None:
        """Something was logged: a line of `metrics.jsonl`, without its step. Only the main process logs."""

    def on_end(self, context: TrainingContext) -> None:
        """The training ends: at its last step, by a request, a signal or an error. Other processes may be elsewhere."""

    def state(self) -> dict[str, Any]:
        """What the hook needs to go on exactly, as tensors, numbers, texts, lists and dicts; equal in all processes."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` returned. Called after `on_start` where a training is resumed."""


HOOKS: Registry[Hook] = Registry("hook", "hooks", Hook, base="segkit.Hook")
"""The registered hooks; `Hook` is their contract."""
