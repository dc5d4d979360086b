"""`segkit.train`, and the command `segkit train`."""

import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import torch

from segkit.config import Config, as_config
from segkit.config.arguments import check_arguments
from segkit.errors import TrainingStopped
from segkit.registries.signature import PositiveFloat
from segkit.runtime.processes import join_processes
from segkit.runtime.watching import Watch
from segkit.training.build import build_training
from segkit.training.opening import open_run
from segkit.training.time_limit import TimeLimit


def train(
    config: Config | str | PathLike[str] | Mapping[str, object],
    output: str | Path | None = None,
    resume: bool = False,
    *,
    max_time: float | None = None,
    device: torch.device | str | None = None,
    trust: bool = False,
) -> Path:
    """Trains what a config describes, as the command `segkit train` does.

    Args:
        config: A config, or what `segkit.load_config` takes: a YAML file, a run folder, a dict.
        output: The run folder; by default one in `runs/` that is named like the config, numbered if it is taken.
        resume: Continue the run in `output`, or the newest run of this config. Without a checkpoint to continue from,
            the training starts anew.
        max_time: Seconds from now until the training must be saved and ended. It stops after a whole step, early enough
            for the next one and a checkpoint.
        device: For example `cpu` or `cuda:1`; by default the GPU if there is one.
        trust: Import the Python files that the config of a run names as plugins. A config elsewhere may always do so.

    Returns:
        The run folder.

    Raises:
        ConfigError: The config is wrong, or the device cannot be used.
        SegkitError: The folder holds a run already, or another process is training in it.
        CheckpointError: A checkpoint is damaged or does not fit.
        WriteError: A file cannot be written, for example because the disk is full.
        TrainingError: The loss is no longer finite: the last whole step is saved. Or another process is lost.
        DataError: The training data have nothing to learn from, or an image cannot be read or is too small.
        TrainingStopped: `max_time` is over, or SIGTERM or SIGUSR1 stopped the training. The last whole step is saved.
        KeyboardInterrupt: Ctrl-C stopped the training. The last whole step is saved.

    Example:
        >>> import tempfile
        >>> config = {
        ...     "model": {
        ...         "type": "per_pixel",
        ...         "backbone": {"type": "timm", "name": "resnet18", "options": {"out_indices": [1]}},
        ...         "pixel_decoder": {"type": "fpn", "hidden_dim": 8, "mask_dim": 8},
        ...     },
        ...     "criterion": {"losses": [{"type": "pixel_cross_entropy"}]},
        ...     "data": {"train": {"dataset": {"type": "shapes", "length": 2, "size": [32, 32]}, "workers": 0}},
        ...     "training": {"steps": 1, "optimizer": {"type": "adamw", "lr": 1e-3}, "schedule": {"type": "poly"}},
        ... }
        >>> run = train(config, tempfile.mkdtemp(), device="cpu")  # doctest: +ELLIPSIS
        <dict> -> ...
        >>> sorted(path.name for path in run.iterdir())
        ['SHA256SUMS', 'checkpoints', 'config.yaml', 'data_summary.json', 'environment.json', 'last', 'metrics.jsonl']
    """
    check_arguments(max_time=(max_time, PositiveFloat | None))
    time_limit = TimeLimit(math.inf if max_time is None else max_time)
    config = as_config(config, trust=trust)
    with Watch(join_processes(device)), open_run(config, output, resume, device) as opened:
        run = opened.run
        trainer = build_training(config, run, opened.resume, device)
        trainer.notes = [*opened.notes, *trainer.notes]
        trainer.time_limit = time_limit
        try:
            metrics = trainer.run()
        except TrainingStopped as stop:
            if stop.by_keyboard:
                raise KeyboardInterrupt from None
            raise
        if trainer.accelerator.is_main_process:
            run.finish()
    trainer.reporter.print(f"checkpoints: {run.best if metrics else run.last}")
    if run.overlays.is_dir():
        trainer.reporter.print(f"images: {run.overlays}")
    return run.path
