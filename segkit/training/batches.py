"""The batches of a training. They follow from its config, the step and the number of processes."""

import math
from collections.abc import Iterator
from itertools import islice

from segkit.build import build_transforms
from segkit.config.sections import Training, TrainingSplit
from segkit.data.loaded import LoadedBatch
from segkit.data.loading import training_loader
from segkit.registries import Dataset
from segkit.runtime.compilation import BUCKET


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
    """
    return training_loader(
        dataset,
        build_transforms(split.transforms),
        batch_size=split.batch_size,
        workers=split.workers if workers is None else workers,
        size_divisor=math.lcm(size_divisor, BUCKET) if settings.compile else size_divisor,
        seed=settings.seed,
        start_batch=after * settings.accumulate,
        rank=rank,
        num_processes=num_processes,
        on_bad_sample=split.on_bad_sample,
        timeout=split.timeout,
    )


def batches_of_step(
    settings: Training, split: TrainingSplit, dataset: Dataset, size_divisor: int, step: int, num_processes: int
) -> list[list[LoadedBatch]]:
    """Returns the batches that a step learns from: for each process, those that it accumulates.

    Args:
        settings: Of the training.
        split: Its `data.train`.
        dataset: That of `split`.
        size_divisor: Of the model.
        step: Number of the step, from 1.
        num_processes: Processes of the training.
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
                ),
                settings.accumulate,
            )
        )
        for rank in range(num_processes)
    ]
