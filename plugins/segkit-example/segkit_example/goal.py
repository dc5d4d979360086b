"""A hook that ends the training at a goal."""

from collections.abc import Mapping

from segkit import Hook, TrainingContext


class Goal(Hook):
    """Ends the training once `training.best_metric` has reached a value.

    Args:
        value: The smallest value that is good enough, in [0, 1].

    Example:
        >>> from torch import nn
        >>> from segkit.testing.hook import tiny_context
        >>> context = tiny_context(nn.Linear(1, 1))
        >>> context.state.best = 0.85
        >>> Goal(value=0.8).after_evaluation(context, {"mean_iou": 0.85})
        stop: the goal of 0.8 is reached
    """

    def __init__(self, *, value: float = 0.9) -> None:
        self.value = value

    def on_start(self, context: TrainingContext) -> None:
        self._stop_if_reached(context)  # a training that is resumed may have reached it before

    def after_evaluation(self, context: TrainingContext, metrics: Mapping[str, float]) -> None:
        self._stop_if_reached(context)

    def _stop_if_reached(self, context: TrainingContext) -> None:
        if context.state.best is not None and context.state.best >= self.value:
            context.stop(f"the goal of {self.value} is reached")
