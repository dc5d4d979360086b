"""Computes a step again that failed, from its dump."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from segkit.build import build_criterion, build_hooks
from segkit.checkpoint import load_checkpoint, read_config
from segkit.criterion import Criterion
from segkit.errors import CheckpointError
from segkit.inspection.nonfinite import NonFiniteWatch
from segkit.layers.stepping import announce_step, stepped_parts
from segkit.registries import Hook
from segkit.runtime.copy_stream import CopyStream
from segkit.runtime.processes import make_accelerator
from segkit.training.dump import ProcessDump, files_of, find_dump, read_processes
from segkit.training.state import set_random_state
from segkit.training.step import add_gradients

_ACTING = ("on_start", "after_step", "before_evaluation", "after_evaluation", "on_log")
"""Methods of a hook that may change what later steps compute."""


@dataclass(frozen=True)
class Replay:
    """A step that was computed again."""

    folder: Path
    """The dump."""
    step: int
    """Number of the step, from 1."""
    files: list[str]
    """The images of the step."""
    recorded: dict[str, float]
    """The losses of the training, and `gradient_norm`."""
    replayed: dict[str, float]
    """The same values of this computation."""
    first: str | None
    """The first tensor that is not finite; None if all are finite."""
    hooks: list[str]
    """The hooks of the training that did more than `on_model`, of which a replay calls nothing else."""

    def conclusion(self) -> str:
        """Returns in words what was found."""
        if self.first is not None:
            return f"first value that is not finite: {self.first}"
        bad = [name for name, value in self.recorded.items() if not math.isfinite(value)]
        if not bad:
            return "all values are finite"
        hooks = " and ".join(f"'{name}'" for name in self.hooks)
        changed = f"hooks, which a replay does not run (here {hooks})" if hooks else "another device or version"
        return f"all values are finite here, but not {' and '.join(bad)} in the training: look for a cause in {changed}"


def replay(
    path: str | Path,
    device: torch.device | str | None = None,
    *,
    plugins: Sequence[str | PathLike[str]] = (),
    trust: bool = False,
) -> Replay:
    """Computes the losses and gradients of a dumped step, in one process and without compilation.

    The values are those of the training where the device is of the same kind. Statistics that several processes
    compute together (`SyncBatchNorm`) are those of each process here.

    Args:
        path: A dump, or a run folder, which stands for its newest dump.
        device: As for `segkit.runtime.processes.join_processes`.
        plugins: Python files that the config of the dump may import.
        trust: Import all Python files that the config of the dump names.

    Raises:
        CheckpointError: There is no dump, or it is damaged.
        ConfigError: The config is wrong, or it names Python files that are not trusted.
    """
    folder = find_dump(path)
    processes = read_processes(folder)
    config = read_config(folder, plugins, trust)
    settings = config.experiment.training
    if settings is None:
        raise CheckpointError(f"{folder}: its config has no section 'training'. Use the dump as the training wrote it.")
    accelerator = make_accelerator(settings.precision, device)
    checkpoint = load_checkpoint(folder, accelerator.device, config)
    hooks = build_hooks(settings.hooks, checkpoint.model)  # what they freeze has no gradient
    criterion = build_criterion(config, checkpoint.classes).to(accelerator.device)
    first = processes[0]
    if accelerator.scaler is not None and first.loss_scale is not None:
        accelerator.scaler = torch.amp.GradScaler(init_scale=first.loss_scale)
    announce_step(stepped_parts(checkpoint.model, criterion, criterion.matcher), first.step - 1, settings.steps)
    watch = NonFiniteWatch()
    replayed = _compute(checkpoint.model.train(), criterion, accelerator, processes, watch)
    files = [file for process in processes for file in files_of(process.batches)]
    recorded = {**first.losses, "gradient_norm": first.gradient_norm}
    acting = [name for name, hook in hooks.items() if any(_overrides(hook, method) for method in _ACTING)]
    return Replay(folder, first.step, files, recorded, replayed, watch.first, acting)


def _overrides(hook: Hook, method: str) -> bool:
    return getattr(type(hook), method) is not getattr(Hook, method)


def _compute(
    model: nn.Module,
    criterion: Criterion,
    accelerator: Accelerator,
    processes: Sequence[ProcessDump],
    watch: NonFiniteWatch,
) -> dict[str, float]:
    """Computes the part of each process, one after another; returns the losses and the norm of their mean gradient."""
    for name, tensor in model.state_dict().items():
        watch.see(f"the weight {name}", tensor)
    prepared, copies = accelerator.prepare_model(model), CopyStream(accelerator.device)
    values: dict[str, float] = {}
    for process in processes:
        set_random_state(process.random)
        normalizers = None if process.normalizers is None else process.normalizers.to(accelerator.device)
        with watch.over(model):
            own = add_gradients(prepared, criterion, accelerator, copies, process.batches, normalizers)
        for key, value in own.losses.items():
            values[key] = values.get(key, 0) + value.item() / len(processes)
            watch.see(f"the loss {key}", value)
    values["gradient_norm"] = _gradient_norm(model, processes, watch)
    return values


def _gradient_norm(model: nn.Module, processes: Sequence[ProcessDump], watch: NonFiniteWatch) -> float:
    """Returns the norm of the mean gradient of all processes; shows the gradients to `watch`."""
    gradients = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
    for name, gradient in gradients.items():
        watch.see_gradient(f"the weight {name}", gradient)
    scale = (processes[0].loss_scale or 1.0) * len(processes)
    return nn.utils.get_total_norm(list(gradients.values())).item() / scale
