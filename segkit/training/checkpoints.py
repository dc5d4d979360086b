"""Writes the checkpoints of a training into its run folder."""

from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from segkit.checkpoint import save_checkpoint
from segkit.classes import Classes
from segkit.config import Config
from segkit.errors import TrainingError
from segkit.runtime.finite import first_nonfinite
from segkit.training.hooks import Hooks
from segkit.training.log import LogRecord
from segkit.training.run_folder import STATE_FILE, RunFolder
from segkit.training.state import TrainingState, write_state


class Checkpoints:
    """The checkpoints of one run: `checkpoints/step_N`, `last` and `best`.

    Every process calls the methods; the main process writes.

    Args:
        run: Where they are written.
        config: Saved with each checkpoint.
        classes: Saved with each checkpoint.
        accelerator: Connects the processes of the training.
        keep: How many of `checkpoints/step_N` are kept.
    """

    def __init__(self, run: RunFolder, config: Config, classes: Classes, accelerator: Accelerator, keep: int) -> None:
        self.run = run
        self.config = config
        self._classes = classes
        self._accelerator = accelerator
        self._keep = keep

    def save(self, model: nn.Module, optimizer: torch.optim.Optimizer, state: TrainingState, hooks: Hooks) -> None:
        """Writes `checkpoints/step_N`, from which the training can be resumed, and `last`.

        Raises:
            TrainingError: The weights are not finite.
            Exception: That of a hook whose `state` fails, once all others are saved.
        """
        self._require_finite(model, self.run.checkpoint(state.step))
        errors = self.save_alone(model, optimizer, state, hooks)
        self._accelerator.wait_for_everyone()
        for error in errors.values():
            raise error

    def save_alone(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, state: TrainingState, hooks: Hooks
    ) -> dict[str, Exception]:
        """Does what `save` does without waiting for other processes, which may have ended by an error.

        Returns:
            The errors of hooks whose state the checkpoint lacks, by their names.
        """
        return self._write(model, optimizer, state, hooks) if self._accelerator.is_main_process else {}

    def save_best(self, model: nn.Module) -> None:
        """Writes `best`.

        Raises:
            TrainingError: The weights are not finite.
        """
        self._require_finite(model, self.run.best)
        if self._accelerator.is_main_process:
            save_checkpoint(self.run.best, model, self.config, self._classes)

    def save_dump(self, folder: Path, model: nn.Module, write_more: Callable[[Path], None]) -> None:
        """Writes a checkpoint with further files, which no training resumes from."""
        save_checkpoint(folder, model, self.config, self._classes, write_more)

    def _write(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, state: TrainingState, hooks: Hooks
    ) -> dict[str, Exception]:
        states, errors = hooks.states()
        log = LogRecord.of(self.run.metrics, state.step, state.evaluated or 0)

        def write(draft: Path) -> None:
            write_state(draft / STATE_FILE, state, optimizer, self._accelerator, states, log)

        save_checkpoint(self.run.checkpoint(state.step), model, self.config, self._classes, write)
        save_checkpoint(self.run.last, model, self.config, self._classes)
        self.run.prune_checkpoints(self._keep)
        return errors

    def _require_finite(self, model: nn.Module, folder: Path) -> None:
        """Checks that good weights are not replaced by bad ones. All processes have the same weights, and agree."""
        name = first_nonfinite(dict(model.named_parameters()))
        if name is not None:
            raise TrainingError(
                f"{folder}: not written, because the weights are not finite (first: {name}). Lower the learning rate, "
                f"clip gradients, or train in fp32 or bf16; then {self.run.way_on()}."
            )
