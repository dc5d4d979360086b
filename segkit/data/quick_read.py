"""Reads as much of a dataset as a bounded time allows, so that bad files are found before they are needed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

import torch

from segkit.data.read_sample import read_sample
from segkit.data.sampling import order_of
from segkit.data.survey import BadImage
from segkit.data.tally import Tally
from segkit.data.workers import TIMEOUT, WorkerBatches, in_batches
from segkit.errors import DataError
from segkit.registries import Dataset

_IMAGES_AT_A_TIME = 4
"""Images between two looks at the clock."""


def quick_read(
    dataset: Dataset,
    seconds: float,
    *,
    skip: Collection[int] = (),
    workers: int = 0,
    section: str = "data",
    timeout: float = TIMEOUT,
    rank: int = 0,
    num_processes: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[int, list[BadImage]]:
    """Reads images and targets in the order of `order_of`, until all are read or the time is over.

    Args:
        dataset: Any dataset.
        seconds: The time. What was begun is completed.
        skip: Indices that are left out.
        workers: Processes that read; 0 reads in this one.
        section: Of the config, such as `data.val`, for messages.
        timeout: Seconds to wait for a worker.
        rank: Number of this process, from 0.
        num_processes: Processes that share the images.
        clock: Returns the time in seconds.

    Returns:
        The number of images that are sound, and those that are bad.

    Raises:
        DataError: A worker hangs or has ended.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> quick_read(Shapes(length=9), seconds=60, skip=[0])
        (8, [])
    """
    left = set(skip)
    own = [index for index in order_of(dataset) if index not in left][rank::num_processes]
    sound, bad = 0, list[BadImage]()
    for part in _tried(partial(_read_sample, dataset), own, seconds, workers, section, timeout, clock):
        bad += [one for one in part if one is not None]
        sound += part.count(None)
    return sound, bad


def read_unread(
    error: DataError,
    seconds: float = math.inf,
    *,
    workers: int = 0,
    section: str = "data",
    timeout: float = TIMEOUT,
    progress: Callable[[int, int], None] | None = None,
) -> list[BadImage]:
    """Reads the files of a dataset that is not built, until all are read or the time is over.

    Args:
        error: Of building it.
        seconds: As for `quick_read`, as are `workers`, `section` and `timeout`.
        progress: Called with the number of files that were read since the last call, and that of all.

    Returns:
        The files that are bad.

    Raises:
        DataError: A worker hangs or has ended.

    Example:
        >>> from functools import partial
        >>> from segkit.data.images import read_image
        >>> read_unread(DataError("a.json: broken.", unread=[partial(read_image, "missing.png")]))[0].error
        'missing.png: there is no such file. Restore it or correct the path.'
    """
    bad, count = list[BadImage](), len(error.unread)
    for part in _tried(
        partial(_call, error.unread), range(count), seconds, workers, section, timeout, time.perf_counter
    ):
        bad += [one for one in part if one is not None]
        if progress is not None:
            progress(len(part), count)
    return bad


def _tried(
    read: Callable[[int], object],
    indices: Sequence[int],
    seconds: float,
    workers: int,
    section: str,
    timeout: float,
    clock: Callable[[], float],
) -> Iterator[list[BadImage | None]]:
    """Yields what is wrong with each thing that `read` reads, until all are read or the time is over."""
    end = clock() + seconds
    batches = in_batches(indices, _IMAGES_AT_A_TIME)
    used = workers if indices else 0
    # A dataset that draws random numbers by itself must not change those of the training.
    with torch.random.fork_rng(devices=[]):
        found = WorkerBatches(partial(_bad, read), list, batches, used, index_of=int, section=section, timeout=timeout)
        for part in found:
            yield part
            if clock() >= end:
                break


def _bad(read: Callable[[int], object], index: int) -> BadImage | None:
    """Returns what is wrong with the thing of this index, in a worker process."""
    try:
        read(index)
    except DataError as error:
        return BadImage.of(index, error)
    return None


def _read_sample(dataset: Dataset, index: int) -> None:
    """Reads an image with its target."""
    Tally(len(dataset.classes)).add_sample(read_sample(dataset, index))


def _call(readers: Sequence[Callable[[], object]], index: int) -> None:
    readers[index]()
