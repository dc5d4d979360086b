"""Finds or makes the folder of a run, and holds it for one training."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from segkit.config import CONFIG_FILE, Config
from segkit.errors import CheckpointError
from segkit.runtime.locking import FolderTakenError, lock_folder
from segkit.runtime.processes import from_main_process, join_processes
from segkit.training.recovery import complete_replacements, recover, set_aside_files
from segkit.training.run_folder import RunFolder


@dataclass
class OpenedRun:
    """A run folder that this training alone writes to."""

    run: RunFolder
    resume: bool = False
    """Whether it has a checkpoint to continue from."""
    notes: list[str] = field(default_factory=list)
    """Lines about what was found in it."""


@contextmanager
def open_run(
    config: Config, output: str | Path | None, resume: bool, device: torch.device | str | None
) -> Iterator[OpenedRun]:
    """Opens the run folder of a training, and locks it. Every process must call it; all get the same folder.

    Args:
        config: The config of the training.
        output: The folder; by default one in `runs/`.
        resume: Open an earlier run, or make a new one where there is none.
        device: As for `segkit.runtime.processes.join_processes`.

    Raises:
        SegkitError: The folder holds a run already, another process uses it, or it cannot be written.
        CheckpointError: No checkpoint of the run is whole.
    """
    process = join_processes(device)
    with ExitStack() as stack:
        open_it = _resumed if resume else _new
        yield from_main_process(process, lambda: stack.enter_context(open_it(config, output)))


@contextmanager
def _new(config: Config, output: str | Path | None) -> Iterator[OpenedRun]:
    if output is not None:
        run = RunFolder.new(config, output)
        with _locked(run):
            RunFolder.new(config, output)  # another process may have made the run before the lock was taken
            yield OpenedRun(run)
        return
    for run in RunFolder.unused(config):
        with ExitStack() as stack:
            try:
                stack.enter_context(_locked(run))
            except FolderTakenError:
                continue  # somebody who starts the same config at the same time has this number
            if not (run.path / CONFIG_FILE).exists():
                yield OpenedRun(run)
                return


@contextmanager
def _resumed(config: Config, output: str | Path | None) -> Iterator[OpenedRun]:
    run = RunFolder.existing(config, output)
    with _locked(run):
        complete_replacements(run)
        notes = set_aside_files(run)
        if run.checkpoints():
            yield OpenedRun(run, True, [*notes, *recover(run)])
        elif run.last.exists():
            raise CheckpointError(
                f"{run.path}: has a model but no checkpoint to resume from (checkpoints/step_N). Start a new training "
                f"in another folder with init_from={run.last}."
            )
        else:
            run.discard_logs()
            notes.append(f"{run.path}: has no checkpoint to resume from, so the training starts anew")
            yield OpenedRun(run, False, notes)


@contextmanager
def _locked(run: RunFolder) -> Iterator[None]:
    missing = not run.path.exists()
    try:
        with lock_folder(run.path):
            yield
    finally:
        if missing:
            with suppress(OSError):  # it is not empty, unless the training failed before its first file
                run.path.rmdir()
