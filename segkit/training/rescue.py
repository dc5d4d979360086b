"""Saves the last whole step of a training that ends by an error.

An error inside the optimizer's update is the one exception: then the newest checkpoint stays what the training goes on
from. To undo an update, weights and optimizer state would have to be copied before each (495 MB and 51 ms a step for
MaskFormer with ResNet-50, whose update takes 199 ms on the same two cores). Little can fail there: a step whose loss or
gradient is not finite changes nothing; no data are read, no processes communicate; signals and the deaths of other
processes are only noted. The memory that an update needs is the same in every step, so it is missing in the first step,
which no whole step precedes, or not at all.
"""

from types import TracebackType

import torch
from torch import nn

from segkit.errors import cause_of
from segkit.runtime.finite import first_nonfinite
from segkit.training.checkpoints import Checkpoints
from segkit.training.hooks import Hooks
from segkit.training.nonfinite import NonFiniteSteps
from segkit.training.progress import Reporter
from segkit.training.snapshot import Snapshot
from segkit.training.state import TrainingState


class Rescue:
    """A context manager around the steps of a training. An error inside leaves a checkpoint of the last whole step.

    A step that fails before its update has changed the running statistics. They are set back, so that the resumed
    training is exactly the one that would have run without the error.

    Args:
        model: The model.
        optimizer: Its optimizer.
        state: How far the training is.
        hooks: Its hooks.
        nonfinite: Knows whether the last step is whole.
        checkpoints: Writes the checkpoint; None saves nothing.
        reporter: Prints what was saved.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        state: TrainingState,
        hooks: Hooks,
        nonfinite: NonFiniteSteps,
        checkpoints: Checkpoints | None,
        reporter: Reporter,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._state = state
        self._hooks = hooks
        self._nonfinite = nonfinite
        self._checkpoints = checkpoints
        self._reporter = reporter
        self._before: Snapshot | None = None
        self._updating = False
        self._saved: tuple[int, int | None] | None = None

    def begin_step(self, before: Snapshot) -> None:
        """Remembers what a step changes before it updates the weights."""
        self._before = before

    def begin_update(self) -> None:
        """Says that weights and optimizer change from here on."""
        self._updating = True

    def end_step(self) -> None:
        """Says that the step is whole."""
        self._before = None
        self._updating = False

    def note_saved(self) -> None:
        """Says that the present state was saved, so that it need not be saved again."""
        self._saved = self._progress()

    def _progress(self) -> tuple[int, int | None]:
        return self._state.step, self._state.evaluated

    def __enter__(self) -> "Rescue":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A second Ctrl-C is neither: it ends the training at once.
        if not isinstance(error, Exception | SystemExit):
            return
        self._nonfinite.leave_to_next_run()
        if self._checkpoints is None or self._state.step == 0:
            return
        try:
            problem = self._save(self._checkpoints)
        except Exception as second:  # of a hook's own code too: the first error is the one to be shown
            problem = f"could not be saved: {cause_of(second).rstrip('.')}"
        run = self._checkpoints.run
        way_on = f"{'continue' if run.checkpoints() else 'start anew'} with --resume --output {run.path}"
        self._reporter.print(f"step {self._state.step} {problem or 'is saved'}; {way_on}")

    def _save(self, checkpoints: Checkpoints) -> str:
        """Saves the state unless it is saved; returns why that is impossible, or an empty string."""
        if self._saved == self._progress():
            return ""
        if self._updating:
            newest = next(reversed(checkpoints.run.checkpoints()), None)
            there = f"the newest checkpoint is {newest}" if newest else "there is no checkpoint yet"
            return f"cannot be saved, because the update after it failed halfway: {there}"
        if self._before is not None:
            self._before.restore()
        if first_nonfinite(self._model.state_dict()) is not None:
            return "has weights that are not finite, and is not saved"
        errors = checkpoints.save_alone(self._model, self._optimizer, self._state, self._hooks)
        lost = [f"the state of hook '{name}' ({cause_of(error).rstrip('.')})" for name, error in errors.items()]
        return f"is saved without {' and '.join(lost)}" if lost else ""
