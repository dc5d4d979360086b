"""What each loading process works on, in memory that it shares with the process that started it."""

import ctypes
import os
import tempfile
from multiprocessing.sharedctypes import RawArray

from torch.utils.data import get_worker_info

from segkit.errors import DataError, counted

_LONGEST_PATH = 4096
"""Bytes. Of longer paths, the end is kept."""

_LONGEST_REASON = 200
"""Bytes. Of longer ones, the beginning is kept."""


class _Entry(ctypes.Structure):
    _fields_ = [
        ("process", ctypes.c_int64),
        ("loads", ctypes.c_bool),
        ("index", ctypes.c_int64),
        ("file", ctypes.c_char * _LONGEST_PATH),
        ("lost", ctypes.c_char * _LONGEST_REASON),
    ]


class WorkerBoard:
    """One entry for each loading process, which that process writes and the others read.

    A process that hangs or was killed can no longer tell anything, so each writes down what it does beforehand.

    Args:
        workers: Number of loading processes.

    Raises:
        DataError: There is no room for it.

    Example:
        >>> board = WorkerBoard(2)
        >>> board.loading()
        {}
        >>> board.sample(0)
        'its first sample'
    """

    def __init__(self, workers: int) -> None:
        try:
            self._entries = RawArray(_Entry, workers) if workers else (_Entry * 0)()
        except OSError as error:
            raise DataError(
                f"there is no shared memory for {counted(workers, 'loading process')} ({error.strerror}). Make room in "
                "/dev/shm and "
                f"{tempfile.gettempdir()}, or set workers: 0."
            ) from error

    def enter(self, worker: int) -> None:
        """Notes the number of the process. A loading process calls it first."""
        self._entries[worker].process = os.getpid()
        self._entries[worker].index = -1

    def begin_sample(self, index: int) -> None:
        """Notes that this process loads a sample of the dataset. In other processes it does nothing."""
        info = get_worker_info()
        if info is not None:
            entry = self._entries[info.id]
            entry.index, entry.file, entry.loads = index, b"", True

    def note_file(self, path: str | os.PathLike[str]) -> None:
        """Notes the file that the sample is read from."""
        info = get_worker_info()
        if info is not None:
            self._entries[info.id].file = os.fsencode(path)[-_LONGEST_PATH + 1 :]

    def end_sample(self) -> None:
        """Notes that the sample is loaded."""
        info = get_worker_info()
        if info is not None:
            self._entries[info.id].loads = False

    def note_lost(self, reason: str) -> None:
        """Notes why this process could not send a batch."""
        info = get_worker_info()
        if info is not None:
            self._entries[info.id].lost = reason.encode(errors="replace")[: _LONGEST_REASON - 1]

    def lost(self) -> str:
        """Returns why a loading process could not send a batch; an empty string where all were sent."""
        reasons = [entry.lost.decode(errors="replace") for entry in self._entries]
        return next(filter(None, reasons), "")

    def loading(self) -> dict[int, int]:
        """Returns the loading processes that are inside a sample: process -> worker, its number from 0."""
        return {entry.process: worker for worker, entry in enumerate(self._entries) if entry.loads}

    def worker_of(self, process: int | None) -> int | None:
        """Returns the number, from 0, of a loading process; None of another one."""
        return next((worker for worker, entry in enumerate(self._entries) if entry.process == process), None)

    def sample(self, worker: int) -> str:
        """Returns the sample that a loading process began last."""
        entry = self._entries[worker]
        if entry.process == 0 or entry.index < 0:
            return "its first sample"
        image = f"image {entry.index} of the dataset"
        return f"{os.fsdecode(entry.file)} ({image})" if entry.file else image
