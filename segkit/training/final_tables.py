"""The tables and overlays at the end of a training, which are those of the best checkpoint."""

from collections.abc import Mapping

from torch import nn

from segkit.training.best_weights import weights_of
from segkit.training.callables import Evaluation
from segkit.training.checkpoints import Checkpoints
from segkit.training.hooks import Hooks
from segkit.training.progress import Reporter
from segkit.training.state import TrainingState
from segkit.types import Metrics


class FinalTables:
    """Shows the tables of the best checkpoint once, at the end.

    Args:
        state: Tells whether there is a best checkpoint.
        hooks: Choose the model that is evaluated.
        checkpoints: Where the best one is; None where none are written, so that the last evaluation counts.
        reporter: Prints the tables.
    """

    def __init__(self, state: TrainingState, hooks: Hooks, checkpoints: Checkpoints | None, reporter: Reporter) -> None:
        self._state = state
        self._hooks = hooks
        self._checkpoints = checkpoints
        self._reporter = reporter
        self._shown = False

    def show_last(self, metrics: Mapping[str, Metrics]) -> None:
        """Shows the metrics of the last evaluation, if they are those of the best checkpoint."""
        if self._checkpoints is None or self._state.evaluations_without_best == 0:
            self._reporter.show_tables(metrics)
            self._shown = True

    def complete(self, evaluate: Evaluation | None, model: nn.Module) -> dict[str, Metrics] | None:
        """Evaluates the best checkpoint, unless its metrics were shown.

        All processes must call it. The model has its own weights again at the end.

        Returns:
            The metrics of the best checkpoint; None where nothing was to be evaluated.
        """
        if evaluate is None or self._checkpoints is None or self._state.best is None or self._shown:
            return None
        best = self._checkpoints.run.best
        self._hooks.before_evaluation()
        model = self._hooks.context.evaluated_model or model
        with weights_of(best, model):
            metrics = evaluate(model, True)
        self._reporter.show_evaluation(str(best), metrics)
        self._reporter.show_tables(metrics)
        return metrics
