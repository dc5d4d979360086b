"""The batches of a training. They follow from its config, the step and the number of processes."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from segkit.build import build_transforms
from segkit.config.sections import Training, TrainingSplit
from segkit.data.loaded import LoadedBatch
from segkit.data.loading import training_loader
from segkit.registries import Dataset
from segkit.runtime.compilation import BUCKET


class Batches(Iterable[LoadedBatch]):
    """The batches of a training. Every pass over them begins with the same one.

    Args:
        start_pass: Returns an iterator of the batches.
    """

    def __init__(self, start_pass: Callable[[], Iterator[LoadedBatch]]) -> None:
        self._start_pass = start_pass

    def __iter__(self) -> Iterator[LoadedBatch]:
        return self._start_pass()


def training_batches(
    settings: Training,
    split: TrainingSplit,
    dataset: Dataset,
    size_divisor: int,
    *,
    after: int = 0,
    rank: int = 0,
    num_processes: int = 1,
    workers: int | None = None,
    repeat_factors: Sequence[float] | None = None,
) -> Iterator[LoadedBatch]:
    """Returns an endless iterator of the batches that one process learns from.

    Args:
        settings: Of the training.
        split: Its `data.train`.
        dataset: That of `split`.
        size_divisor: Of the model.
        after: Steps that are done; the batches begin with those of the next one.
        rank: Number of the process, from 0.
        num_processes: Processes of the training.
        workers: Processes that load data; by default those of `split`.
        repeat_factors: Of the images, where the `split` has a threshold (`segkit.training.repeats`).
    """
    return training_loader(
        dataset,
        build_transforms(split.transforms),
        batch_size=split.batch_size,
        workers=split.workers if workers is None else workers,
        size_divisor=training_divisor(settings, size_divisor),
        seed=settings.seed,
        start_batch=after * settings.accumulate,
        rank=rank,
        num_processes=num_processes,
        on_bad_sample=split.on_bad_sample,
        timeout=split.timeout,
        repeat_factors=repeat_factors,
    )


def training_divisor(settings: Training, size_divisor: int) -> int:
    """Returns what the sides of batches are multiples of.

    Args:
        settings: Of the training.
        size_divisor: Of the model.
    """
    return math.lcm(size_divisor, BUCKET) if settings.compile else size_divisor


def batches_of_step(
    settings: Training,
    split: TrainingSplit,
    dataset: Dataset,
    size_divisor: int,
    step: int,
    num_processes: int,
    repeat_factors: Sequence[float] | None = None,
) -> list[list[LoadedBatch]]:
    """Returns the batches that a step learns from: for each process, those that it accumulates.

    Args:
        settings: Of the training.
        split: Its `data.train`.
        dataset: That of `split`.
        size_divisor: Of the model.
        step: Number of the step, from 1.
        num_processes: Processes of the training.
        repeat_factors: Of the images, where the `split` has a threshold.
    """
    return [
        list(
            islice(
                training_batches(
                    settings,
                    split,
                    dataset,
                    size_divisor,
                    after=step - 1,
                    rank=rank,
                    num_processes=num_processes,
                    workers=0,
                    repeat_factors=repeat_factors,
                ),
                settings.accumulate,
            )
        )
        for rank in range(num_processes)
    ]
