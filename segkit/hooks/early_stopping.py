"""The hook `early_stopping`."""

from collections.abc import Mapping

from segkit.errors import counted
from segkit.registries import HOOKS, Hook, TrainingContext
from segkit.registries.signature import Positive


@HOOKS.register("early_stopping")
class EarlyStopping(Hook):
    """Ends the training where `training.best_metric` no longer rises.

    Args:
        patience: Stop after this many evaluations in a row without a new best.

    Example:
        >>> from torch import nn
        >>> from segkit.testing.hook import tiny_context
        >>> context = tiny_context(nn.Linear(1, 1), evaluations_without_best=2)
        >>> EarlyStopping(patience=2).after_evaluation(context, {"mean_iou": 0.4})
        stop: 2 evaluations without a new best
    """

    def __init__(self, *, patience: Positive) -> None:
        self.patience = patience

    def on_start(self, context: TrainingContext) -> None:
        self._stop_if_due(context)  # a training that is resumed may have been stopped

    def after_evaluation(self, context: TrainingContext, metrics: Mapping[str, float]) -> None:
        self._stop_if_due(context)

    def _stop_if_due(self, context: TrainingContext) -> None:
        if context.state.evaluations_without_best >= self.patience:
            context.stop(f"{counted(self.patience, 'evaluation')} without a new best")
