"""The dump of a step that failed: a checkpoint folder with the batches of every process beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from segkit.errors import CheckpointError, cause_of
from segkit.runtime.integrity import read_manifest, require_intact
from segkit.runtime.pickles import load_torch, save_torch
from segkit.runtime.reading import open_file
from segkit.training.state import RandomState
from segkit.types import Batch, ImageSizes, Target

DUMPS = "nonfinite"
"""Folder of a run folder that holds its dumps, `step_N`."""


@dataclass(frozen=True)
class ProcessDump:
    """What one process computed a step from, and what the step came to."""

    step: int
    """Number of the step, from 1."""
    num_processes: int
    batches: list[Batch]
    random: RandomState
    """Random states before the step."""
    normalizers: Tensor | None
    """What the criterion divided by, of all processes."""
    losses: dict[str, float]
    """Of all processes."""
    gradient_norm: float
    loss_scale: float | None
    """Factor of the loss in fp16."""


def process_file(folder: Path, rank: int) -> Path:
    """Returns the file of one process in a dump."""
    return folder / f"process_{rank}.pt"


def write_process(file: Path, dump: ProcessDump) -> None:
    """Writes the part of one process.

    Raises:
        OSError: The file cannot be written.
    """
    content = {**vars(dump), "batches": [_plain(batch) for batch in dump.batches]}
    save_torch(content, file)


def read_process(file: Path) -> ProcessDump:
    """Reads the part of one process. Executes no code of the file.

    Raises:
        CheckpointError: The file is missing or damaged.
    """
    try:
        with open_file(file) as stream:
            content: dict[str, Any] = load_torch(stream)
        dump = ProcessDump(**{**content, "batches": [_batch(plain) for plain in content["batches"]]})
    except Exception as error:  # a damaged file can fail in any way
        raise CheckpointError(f"{file}: cannot be read ({cause_of(error)}). Use another dump.") from error
    if file.name in (read_manifest(file.parent) or {}):  # that of another process may have been written later
        require_intact(file)
    return dump


def find_dump(path: str | Path) -> Path:
    """Finds the folder of a dump: `path` itself, or the newest dump of the run `path`.

    Raises:
        CheckpointError: There is none.
    """
    path = Path(path)
    if process_file(path, 0).is_file():
        return path
    found = [folder for folder in (path / DUMPS).glob("step_*") if process_file(folder, 0).is_file()]
    numbered = [folder for folder in found if folder.name[5:].isdigit()]
    if not numbered:
        raise CheckpointError(
            f"{path}: has no dump of a failed step ({DUMPS}/step_N/{process_file(path, 0).name}). A training writes "
            "one where its loss or gradients are not finite."
        )
    return max(numbered, key=lambda folder: int(folder.name[5:]))


def read_processes(folder: Path) -> list[ProcessDump]:
    """Reads the parts of all processes, in order.

    Raises:
        CheckpointError: A file is missing or damaged.
    """
    first = read_process(process_file(folder, 0))
    return [first, *(read_process(process_file(folder, rank)) for rank in range(1, first.num_processes))]


def files_of(batches: Sequence[Batch]) -> list[str]:
    """Returns the image files of batches."""
    return [file for batch in batches for file in batch.files]


def _plain(batch: Batch) -> dict[str, Any]:
    """Returns a batch as dicts, lists, tensors and numbers, which `weights_only` can read."""
    return {
        **_copied(batch, Batch),
        "sizes": [vars(size) for size in batch.sizes],
        "targets": [_copied(target, Target) for target in batch.targets],
    }


def _copied(value: Batch | Target, kind: type[Batch] | type[Target]) -> dict[str, Any]:
    """Returns the fields of `kind`, without those that a loader adds.

    Tensors are copied, since loaders put several into one storage, which torch cannot save.
    """
    named = [(field.name, getattr(value, field.name)) for field in fields(kind)]
    return {name: one.clone() if isinstance(one, Tensor) else one for name, one in named}


def _batch(plain: dict[str, Any]) -> Batch:
    sizes = [ImageSizes(**size) for size in plain["sizes"]]
    targets = [Target(**target) for target in plain["targets"]]
    return Batch(**{**plain, "sizes": sizes, "targets": targets})
