"""Reads as much of a dataset as a bounded time allows, so that bad files are found before they are needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import torch

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
    end = clock() + seconds
    left = set(skip)
    own = [index for index in order_of(dataset) if index not in left][rank::num_processes]
    batches = in_batches(own, _IMAGES_AT_A_TIME)
    sound, bad = 0, list[BadImage]()
    used = workers if own else 0
    found = WorkerBatches(_Try(dataset), list, batches, used, index_of=int, section=section, timeout=timeout)
    # A dataset that draws random numbers by itself must not change those of the training.
    with torch.random.fork_rng(devices=[]):
        for part in found:
            bad += [one for one in part if one is not None]
            sound += part.count(None)
            if clock() >= end:
                break
    return sound, bad


class _Try:
    """Reads one image, in a worker process, and returns what is wrong with it."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __call__(self, index: int) -> BadImage | None:
        try:
            Tally(len(self._dataset.classes)).add_sample(self._dataset[index])
        except DataError as error:
            return BadImage(index, str(error))
        return None
