"""What a training must remember, beside the model's weights, to go on exactly where it stopped."""

import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from segkit.errors import CheckpointError
from segkit.runtime.writing import replace_file
from segkit.training.run_folder import STATE


@dataclass
class TrainingState:
    step: int = 0
    """Optimizer steps done."""
    best: float | None = None
    """The best figure of an evaluation so far."""
    evaluations_without_best: int = 0


def save_state(folder: Path, state: TrainingState, optimizer: torch.optim.Optimizer, accelerator: Accelerator) -> None:
    """Writes `training_state.pt` into a checkpoint folder: progress, optimizer, loss scaler, random numbers.

    Every process calls it, for each has random numbers of its own; the main one writes.
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
    with replace_file(folder / STATE) as draft:
        torch.save(content, draft)


def load_state(folder: Path, optimizer: torch.optim.Optimizer, accelerator: Accelerator) -> TrainingState:
    """Gives optimizer, loss scaler and random numbers back what `save_state` wrote.

    Raises CheckpointError where the file is damaged or was written by another kind of training.
    """
    try:
        content: dict[str, Any] = torch.load(folder / STATE, map_location="cpu", weights_only=True)
        optimizer.load_state_dict(content["optimizer"])
        if accelerator.scaler is not None and content["scaler"] is not None:
            accelerator.scaler.load_state_dict(content["scaler"])
        if accelerator.process_index < len(content["random"]):
            _set_random_state(content["random"][accelerator.process_index])
        return TrainingState(**content["state"])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{folder / STATE}: the training cannot go on from it ({error}). Resume with the config it was made with, "
            f"or start anew with init_from={folder}."
        ) from error


def _random_state() -> dict[str, Any]:
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None}


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])
