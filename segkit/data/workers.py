"""Batches made in worker processes, whose errors, deaths and hangs reach the main process in one line."""

import math
import multiprocessing
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from segkit.data.worker_board import WorkerBoard
from segkit.errors import DataError, cause_of, counted
from segkit.runtime.reading import listen_to_reads

Place = TypeVar("Place")
"""What identifies a sample: an index, or more than that."""

Item = TypeVar("Item")
"""A sample, perhaps with more about it."""

Made = TypeVar("Made")
"""A batch, perhaps with more about it."""

TIMEOUT = 300.0
"""Seconds to wait for a batch, by default."""

POLL = 1
"""Seconds between looks at the worker processes while a batch does not come."""


def in_batches(places: Sequence[Place], size: int) -> list[list[Place]]:
    """Divides places into batches in their order; the last one may be smaller.

    Example:
        >>> in_batches(range(5), 2)
        [[0, 1], [2, 3], [4]]
    """
    return [list(places[start : start + size]) for start in range(0, len(places), size)]


class WorkerBatches(Generic[Place, Item, Made]):
    """Iterates over batches of samples that worker processes load, as often as wanted.

    A DataError in a worker is passed on as an item and raised here. DataLoader itself would bury its message in the
    text of the worker's traceback.

    Args:
        load: Returns the sample at a place; raises DataError.
        collate: Puts samples together; raises DataError.
        batches: The places of each batch.
        workers: Number of processes; 0 loads in this one.
        index_of: Returns the index in the dataset of the sample at a place, for messages.
        section: The section of the config that sets `workers` and `timeout`, for messages.
        timeout: Seconds to wait for a batch of the worker processes.
    """

    def __init__(
        self,
        load: Callable[[Place], Item],
        collate: Callable[[list[Item]], Made],
        batches: Iterable[list[Place]],
        workers: int,
        *,
        index_of: Callable[[Place], int],
        section: str,
        timeout: float = TIMEOUT,
    ) -> None:
        self._workers = workers
        self._timeout = timeout
        self._section = section
        self._board = WorkerBoard(workers)
        items = _Items(load, collate, index_of, self._board)
        self._loader: Iterable[Made | DataError] = DataLoader(
            items,
            batch_sampler=batches,
            num_workers=workers,
            collate_fn=items.collate,
            pin_memory=torch.cuda.is_available(),
            timeout=POLL if workers else 0,
            worker_init_fn=items.enter_worker,
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # its own one, so that loading draws nothing from the global generator
        )

    def __iter__(self) -> Iterator[Made]:
        for batch in self._watched() if self._workers else self._loader:
            if isinstance(batch, DataError):
                try:
                    raise batch
                finally:
                    # The error's traceback holds this frame. If the frame also held the error, neither would be freed,
                    # and the workers would stay alive.
                    del batch
            yield batch

    def _watched(self) -> Iterator[Made | DataError]:
        """Yields the items of the loader. That its processes hang or have ended is told as a DataError."""
        try:
            with _deaths_without_exception():
                items = iter(self._loader)
        except (OSError, RuntimeError) as error:
            # torch gives a limit of threads or memory, which it meets here too, no type of its own.
            if isinstance(error, RuntimeError) and "start new thread" not in str(error):
                raise
            _end_half_made(error)
            raise DataError(
                f"{self._section}: the {counted(self._workers, 'loading process')} cannot be started "
                f"({_reason(error)}). "
                f"{self._advice_on_limits()}"
            ) from error
        processes = multiprocessing.active_children()
        try:
            while True:
                try:
                    item = self._next(items, processes)
                except StopIteration:
                    return
                yield item
        except GeneratorExit:
            raise
        except BaseException:
            # A loading process ignores SIGTERM, by which torch would end it: a scheduler sends that to all processes,
            # and a training goes on to the end of its step. So one that hangs would never end.
            for process in processes:
                if process.pid in self._board.loading():
                    process.kill()
            raise

    def _next(self, items: Iterator[Made | DataError], processes: list[BaseProcess]) -> Made | DataError:
        # Polls are counted, not seconds: while a job is suspended, no time passes.
        for _ in range(math.ceil(self._timeout / POLL)):
            try:
                return next(items)
            except RuntimeError as error:
                # torch gives these errors no type of their own.
                if str(error).startswith("DataLoader worker"):
                    raise DataError(self._describe_death(processes)) from error
                if str(error).startswith("Caught "):  # a fault in a part, with the traceback of the worker
                    raise
                if not str(error).startswith("DataLoader timed out"):
                    raise DataError(self._describe_loss(cause_of(error))) from error
            except (OSError, EOFError) as error:  # a process that dies while it hands over a batch
                for process in processes:
                    process.join(0.1)
                if all(process.exitcode is None for process in processes):
                    raise DataError(self._describe_loss(_reason(error))) from error
                raise DataError(self._describe_death(processes)) from error
            if self._board.lost():
                raise DataError(self._describe_loss(self._board.lost()))
        raise DataError(self._describe_hang())

    def _describe_loss(self, cause: str) -> str:
        return (
            f"{self._section}: a batch was lost on its way from a loading process ({cause.partition('. ')[0]}). "
            f"{self._advice_on_limits()}"
        )

    def _advice_on_limits(self) -> str:
        return f"Raise the limit that it names (`ulimit -a`), or use fewer workers ({self._section}.workers)."

    def _describe_death(self, processes: list[BaseProcess]) -> str:
        what = "a loading process has ended before its first sample"
        for process in processes:
            worker = self._board.worker_of(process.pid)
            if worker is not None and process.exitcode is not None:
                code = process.exitcode
                how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"has ended with exit code {code}"
                when = "while it loaded" if process.pid in self._board.loading() else "after it had loaded"
                what = f"loading process {worker} (pid {process.pid}) {how} {when} {self._board.sample(worker)}"
        return (
            f"{self._section}: {what}. The system kills processes when memory is full: use fewer workers "
            f"({self._section}.workers) or smaller batches."
        )

    def _describe_hang(self) -> str:
        stuck = [
            f"Loading process {worker} (pid {process}) is still at {self._board.sample(worker)}."
            for process, worker in self._board.loading().items()
        ]
        return " ".join(
            [
                f"{self._section}: no batch came for {self._timeout:g} seconds.",
                *(stuck or ["No process is loading a sample: the batch was lost on its way."]),
                f"Check the file and its disk, or raise {self._section}.timeout.",
            ]
        )


@contextmanager
def _deaths_without_exception() -> Iterator[None]:
    """Removes the signal handler that DataLoader installs.

    It raises an exception when a worker dies, wherever the program is: for example in the middle of an update of the
    weights. The death is seen without it, at the next look for a batch.
    """
    in_main = threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGCHLD")
    earlier = signal.getsignal(signal.SIGCHLD) if in_main else None
    yield
    if earlier is not None:
        signal.signal(signal.SIGCHLD, earlier)


def _end_half_made(error: BaseException) -> None:
    """Ends the processes that torch had started before the error, without what Python prints about it.

    torch's iterator ends them when it is freed, by what it does not have yet.
    """
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        traceback.clear_frames(error.__traceback__)
    finally:
        sys.unraisablehook = hook


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or cause_of(error)


class _Items(TorchDataset[Item | DataError], Generic[Place, Item, Made]):
    """The two steps of a worker process; each returns an error instead of raising it."""

    def __init__(
        self,
        load: Callable[[Place], Item],
        collate: Callable[[list[Item]], Made],
        index_of: Callable[[Place], int],
        board: WorkerBoard,
    ) -> None:
        self._load = load
        self._collate = collate
        self._index_of = index_of
        self._board = board

    def enter_worker(self, worker: int) -> None:
        """Prepares a worker process."""
        self._board.enter(worker)
        listen_to_reads(self._board.note_file)
        # Threads send the batches. After an error there, Python goes on without the batch, which would be waited for.
        Queue._on_queue_feeder_error = staticmethod(lambda error, _: self._board.note_lost(_reason(error)))  # type: ignore[attr-defined]
        sys.excepthook = lambda kind, error, traceback: self._board.note_lost(_reason(error))

    def __getitem__(self, place: Place) -> Item | DataError:
        self._board.begin_sample(self._index_of(place))
        try:
            return self._load(place)
        except DataError as error:
            return error
        finally:
            self._board.end_sample()

    def collate(self, items: list[Item | DataError]) -> Made | DataError:
        samples = []
        for item in items:
            if isinstance(item, DataError):
                return item
            samples.append(item)
        try:
            return self._collate(samples)
        except DataError as error:
            return error
