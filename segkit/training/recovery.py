"""Makes a run folder fit to be resumed: sets damaged checkpoints aside, repairs `last` and `best`."""

import filecmp
import shutil
from pathlib import Path

from segkit.checkpoint import CLASSES_FILE, WEIGHTS_FILE, read_classes, read_weights, replace_checkpoint
from segkit.config import CONFIG_FILE
from segkit.errors import CheckpointError
from segkit.runtime.integrity import MANIFEST, read_manifest, require_intact, require_intact_folder, write_manifest
from segkit.runtime.writing import explain_write_errors, recover_folder
from segkit.training.run_folder import DAMAGED, STARTED, STATE_FILE, RunFolder
from segkit.training.state import SavedState

FILES = (WEIGHTS_FILE, CONFIG_FILE, CLASSES_FILE)
"""The files of `last` and `best`."""


def recover(run: RunFolder) -> list[str]:
    """Leaves the newest checkpoint that is whole as the newest one, and gives `last` its weights.

    Damaged files of the run that a resumed training writes anew are named.

    Returns:
        A line for everything that was found and done.

    Raises:
        CheckpointError: No checkpoint is whole.
        WriteError: The folder cannot be changed.
    """
    notes: list[str] = []
    found = run.checkpoints()
    while True:
        newest = run.require_newest_checkpoint() if not found else found[-1]
        try:
            require_whole(newest)
            break
        except CheckpointError as error:
            if len(found) == 1:
                raise CheckpointError(f"{run.path}: no checkpoint is whole. {error}") from error
            found.pop()
            _set_aside(newest)
            notes.append(f"{error} It is set aside as {newest.name}{DAMAGED}; the training goes on from {found[-1]}")
    return [*notes, *_repaired_last(run, newest), *_repaired_best(run), *_written_anew(run)]


def complete_replacements(run: RunFolder) -> None:
    """Tidies up after a training that was killed while it wrote a checkpoint."""
    for path in [*run.all_checkpoint_paths(), run.last, run.best]:
        recover_folder(path)


def require_whole(folder: Path) -> None:
    """Checks that a training can be resumed from a checkpoint.

    Raises:
        CheckpointError: A file is missing or damaged.
    """
    if read_manifest(folder) is not None:
        require_intact_folder(folder, [*FILES, STATE_FILE])
    else:  # of an earlier version of segkit: what can be read counts as whole
        SavedState(folder)
        read_weights(folder)
        read_classes(folder)


def set_aside_files(run: RunFolder) -> list[str]:
    """Sets aside what has the name of a checkpoint but is no folder: the training could not write that checkpoint.

    Returns:
        A line for each.
    """
    files = [path for path in run.all_checkpoint_paths() if path.exists() and not path.is_dir()]
    for path in files:
        _set_aside(path)
    return [f"{path}: is no folder. It is set aside as {path.name}{DAMAGED}" for path in files]


def _repaired_last(run: RunFolder, newest: Path) -> list[str]:
    _, different, missing = filecmp.cmpfiles(run.last, newest, FILES, shallow=False)
    if not different and not missing and not _damage(run.last):
        return []
    _copy(newest, run.last)
    return [f"{run.last}: is now that of {newest}"]


def _repaired_best(run: RunFolder) -> list[str]:
    damage = _damage(run.best) if run.best.exists() else ""
    if not damage:
        return []
    weights = _weights_digest(run.best)
    for folder in run.checkpoints():
        if weights is not None and _weights_digest(folder) == weights and not _damage(folder):
            _copy(folder, run.best)
            return [f"{damage} It is repaired from {folder}"]
    _set_aside(run.best)
    return [f"{damage} It is set aside as best{DAMAGED}; the next evaluation writes a new one"]


def _written_anew(run: RunFolder) -> list[str]:
    """Returns a line for each damaged file that the training writes anew when it starts."""
    notes = []
    try:
        listed = read_manifest(run.path, "It is written anew.") or {}
    except CheckpointError as error:
        return [str(error)]
    for name in (*STARTED, run.data_summary.name):
        try:
            if name in listed or (name in STARTED and listed):
                require_intact(run.path / name, "It is written anew.")
        except CheckpointError as error:
            notes.append(str(error))
    return notes


def _weights_digest(folder: Path) -> str | None:
    try:
        return (read_manifest(folder) or {}).get(WEIGHTS_FILE)
    except CheckpointError:
        return None


def _damage(folder: Path) -> str:
    """Returns how a folder is damaged; an empty string if it is not."""
    try:
        require_intact_folder(folder, FILES)
    except CheckpointError as error:
        return str(error)
    return ""


def _copy(source: Path, destination: Path) -> None:
    with replace_checkpoint(destination) as draft:
        for name in FILES:
            shutil.copyfile(source / name, draft / name)
        if (source / MANIFEST).is_file():
            write_manifest(draft)


def _set_aside(folder: Path) -> None:
    aside = folder.with_name(folder.name + DAMAGED)
    with explain_write_errors(folder):
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
