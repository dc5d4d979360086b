"""Writes the checkpoints of a training into its run folder."""

import torch
from accelerate import Accelerator
from torch import nn

from segkit.checkpoint import save_checkpoint
from segkit.classes import Classes
from segkit.config import Config
from segkit.training.run_folder import RunFolder
from segkit.training.state import TrainingState, save_state


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
        self._config = config
        self._classes = classes
        self._accelerator = accelerator
        self._keep = keep

    def save(self, model: nn.Module, optimizer: torch.optim.Optimizer, state: TrainingState) -> None:
        """Writes `checkpoints/step_N`, from which the training can be resumed, and `last`."""
        main = self._accelerator.is_main_process
        folder = self.run.checkpoint(state.step)
        if main:
            save_checkpoint(folder, model, self._config, self._classes)
        # The state comes second: its file marks a checkpoint as complete.
        save_state(folder, state, optimizer, self._accelerator)
        if main:
            save_checkpoint(self.run.last, model, self._config, self._classes)
            self.run.prune_checkpoints(self._keep)
        self._accelerator.wait_for_everyone()

    def save_best(self, model: nn.Module) -> None:
        """Writes `best`."""
        if self._accelerator.is_main_process:
            save_checkpoint(self.run.best, model, self._config, self._classes)
