"""Batches made in worker processes, whose errors reach the main process as they are."""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from segkit.errors import DataError

Place = TypeVar("Place")
"""What identifies a sample: an index, or more than that."""

Item = TypeVar("Item")
"""A sample, perhaps with more about it."""

Made = TypeVar("Made")
"""A batch, perhaps with more about it."""


class WorkerBatches(Generic[Place, Item, Made]):
    """Iterates over batches of samples that worker processes load, as often as wanted.

    A DataError in a worker is passed on as an item and raised here. DataLoader itself would bury its message in the
    text of the worker's traceback.

    Args:
        load: Returns the sample at a place; raises DataError.
        collate: Puts samples together; raises DataError.
        batches: The places of each batch.
        workers: Number of processes; 0 loads in this one.
    """

    def __init__(
        self,
        load: Callable[[Place], Item],
        collate: Callable[[list[Item]], Made],
        batches: Iterable[list[Place]],
        workers: int,
    ) -> None:
        items = _Items(load, collate)
        self._loader: Iterable[Made | DataError] = DataLoader(
            items,
            batch_sampler=batches,
            num_workers=workers,
            collate_fn=items.collate,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # its own one, so that loading draws nothing from the global generator
        )

    def __iter__(self) -> Iterator[Made]:
        for batch in _explained(self._loader):
            if isinstance(batch, DataError):
                try:
                    raise batch
                finally:
                    # The error's traceback holds this frame. If the frame also held the error, neither would be freed,
                    # and the workers would stay alive.
                    del batch
            yield batch


def _explained(loader: Iterable[Made | DataError]) -> Iterator[Made | DataError]:
    """Yields the items of a loader. That a worker process was killed is told as a DataError."""
    try:
        yield from loader
    except RuntimeError as error:
        # torch gives this error no type of its own.
        if "DataLoader worker" not in str(error) or "Caught" in str(error):
            raise
        raise DataError(
            f"a process that loads data has ended: {str(error).splitlines()[0]} The usual reason is that memory or "
            "shared memory (/dev/shm) is full. Use fewer workers (data.train.workers, data.val.workers) or smaller "
            "batches."
        ) from error


class _Items(TorchDataset[Item | DataError], Generic[Place, Item, Made]):
    """The two steps of a worker process; each returns an error instead of raising it."""

    def __init__(self, load: Callable[[Place], Item], collate: Callable[[list[Item]], Made]) -> None:
        self._load = load
        self._collate = collate

    def __getitem__(self, place: Place) -> Item | DataError:
        try:
            return self._load(place)
        except DataError as error:
            return error

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
