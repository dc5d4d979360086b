"""`metrics.jsonl`, which grows while a training runs: what a saved state knows of it, and what a resumed run keeps."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from segkit.runtime.reading import read_bytes
from segkit.runtime.writing import explain_write_errors, replace_file, sync
from segkit.training.run_folder import DAMAGED, STATE_FILE


@dataclass(frozen=True)
class LogRecord:
    """What the log held when a state was saved, without the lines that a run resumed from it writes again."""

    step: int
    """The step of the state."""
    evaluated: int
    """The last step whose evaluation counts."""
    length: int
    """In bytes."""
    digest: str
    """SHA-256."""

    @classmethod
    def of(cls, log: Path, step: int, evaluated: int) -> "LogRecord":
        """Returns what the log holds at present.

        Example:
            >>> import tempfile
            >>> log = Path(tempfile.mkdtemp()) / "metrics.jsonl"
            >>> _ = log.write_text('{"step": 1}\\n{"step": 2}\\n')
            >>> LogRecord.of(log, 1, 1).length
            12
        """
        if log.exists():
            sync(log)  # else a power failure could leave a state that knows more than there is
        kept = _kept(_content(log), step, evaluated)
        return cls(step, evaluated, len(kept), _digest(kept))


def go_on_with_log(log: Path, step: int, evaluated: int, record: LogRecord | None) -> list[str]:
    """Removes the lines that a resumed run writes again, and damaged ones. A log that was damaged is kept aside.

    Args:
        log: The file.
        step: Where the run goes on. Later lines are removed.
        evaluated: The last step whose evaluation counts. Later evaluations are removed.
        record: Of the state; earlier versions of segkit saved none, so that nothing is known.

    Returns:
        A line, if the log is not as it was when the state was saved.

    Raises:
        WriteError: The log cannot be read or written.
    """
    content = _content(log)
    notes = []
    if record is not None:
        known = _kept(content, record.step, record.evaluated)[: record.length]
        if _digest(known) == record.digest:
            content = known  # later lines of the same step are written again too
        else:
            notes.append(_note_of_damage(log, content, record))
    kept = _kept(content, step, evaluated)
    if kept or log.exists():
        with replace_file(log) as draft:
            draft.write_bytes(kept)
    return notes


def _note_of_damage(log: Path, content: bytes, record: LogRecord) -> str:
    what = f"{log}: is damaged: it differs from what {STATE_FILE} of step {record.step} knows of it."
    if not content:
        return f"{what} It is empty or missing, so the lines up to this step are lost"
    aside = log.with_name(f"{log.name}.step_{record.step}{DAMAGED}")
    if not aside.exists():  # what was found first is the most
        with replace_file(aside) as draft:
            draft.write_bytes(content)
    return f"{what} It is kept as {aside.name}; the training goes on with the lines that can be read"


def _content(log: Path) -> bytes:
    with explain_write_errors(log):
        return read_bytes(log) if log.exists() else b""


def _kept(content: bytes, step: int, evaluated: int) -> bytes:
    """Returns the whole lines up to a step, and of the evaluations those up to `evaluated`."""
    *lines, _ = content.split(b"\n")
    return b"".join(line + b"\n" for line in lines if _is_kept(line, step, evaluated))


def _is_kept(line: bytes, step: int, evaluated: int) -> bool:
    try:
        values = json.loads(line)
        return bool(values["step"] <= (evaluated if "evaluation" in values else step))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False  # a line that was cut or damaged


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
