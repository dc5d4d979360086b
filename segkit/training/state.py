"""What a training needs, besides the model's weights, to continue exactly where it stopped."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from segkit.errors import CheckpointError
from segkit.runtime.writing import replace_file
from segkit.training.run_folder import STATE_FILE


@dataclass
class TrainingState:
    """How far a training is."""

    step: int = 0
    """Optimizer steps done."""
    best: float | None = None
    """The best value so far of the metric that decides about `best`; None before the first evaluation."""
    evaluations_without_best: int = 0
    """Evaluations since then."""


def save_state(folder: Path, state: TrainingState, optimizer: torch.optim.Optimizer, accelerator: Accelerator) -> None:
    """Writes `training_state.pt` into a checkpoint folder: progress, optimizer, loss scaler, random states.

    Every process must call it, since each has random states of its own. The main process writes the file.
    """
    random = gather_object([_random_state()])
    if not accelerator.is_main_process:
        return
    content = {
        "state": asdict(state),
        "optimizer": optimizer.state_dict(),
        "scaler": None if accelerator.scaler is None else accelerator.scaler.state_dict(),
        "random": random,
    }
    with replace_file(folder / STATE_FILE) as draft:
        torch.save(content, draft)


class SavedState:
    """The content of a `training_state.pt`.

    Args:
        folder: The checkpoint folder.

    Raises:
        CheckpointError: The file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with self._explained():
            self._content: dict[str, Any] = torch.load(folder / STATE_FILE, map_location="cpu", weights_only=True)
            self.state = TrainingState(**self._content["state"])
            """How far the training was."""

    def restore(self, optimizer: torch.optim.Optimizer, accelerator: Accelerator) -> None:
        """Sets the optimizer, the loss scaler and this process's random states to what was saved.

        Call it last before the first step, so that nothing else draws random numbers in between.

        Raises:
            CheckpointError: The file was written by a training with another optimizer or model.
        """
        with self._explained():
            optimizer.load_state_dict(self._content["optimizer"])
            if accelerator.scaler is not None and self._content["scaler"] is not None:
                accelerator.scaler.load_state_dict(self._content["scaler"])
            if accelerator.process_index < len(self._content["random"]):
                _set_random_state(self._content["random"][accelerator.process_index])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise CheckpointError(
                f"{self.folder / STATE_FILE}: the training cannot be resumed from it ({error}). Resume with the config "
                f"it was made with, or start a new training with init_from={self.folder}."
            ) from error


def _random_state() -> dict[str, torch.Tensor | None]:
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None}


def _set_random_state(state: dict[str, torch.Tensor | None]) -> None:
    if state["cpu"] is not None:
        torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])
