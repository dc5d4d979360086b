"""The two loaders: an endless one for training, one pass for evaluation."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from segkit.data.collating import collate_evaluation, collate_training
from segkit.data.limit import Limit
from segkit.data.stream import TrainingSamples, TrainingStream
from segkit.data.workers import WorkerBatches
from segkit.errors import DataError
from segkit.registries import Dataset, Transform
from segkit.types import Batch, Sample


def training_loader(
    dataset: Dataset,
    transforms: Sequence[Transform],
    *,
    batch_size: int,
    workers: int,
    size_divisor: int,
    seed: int,
    start_batch: int = 0,
    rank: int = 0,
    num_processes: int = 1,
) -> Iterator[Batch]:
    """Returns an endless iterator of training batches.

    Order and random numbers follow from `seed` alone (`segkit.data.stream`).

    Args:
        dataset: Source of the samples.
        transforms: Applied to each sample in order.
        batch_size: Images per batch of one process.
        workers: Number of loading processes; 0 loads in this one.
        size_divisor: Heights and widths of batches are multiples of it.
        seed: Seed of the order and of the transforms.
        start_batch: Number of batches to skip, when training resumes.
        rank: Number of this process, from 0.
        num_processes: Number of processes that share the images of a step.

    Raises:
        DataError: the dataset is empty; while iterating, a file cannot be read.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> batches = training_loader(Shapes(), [], batch_size=2, workers=0, size_divisor=32, seed=0)
        >>> next(batches).images.shape
        torch.Size([2, 3, 96, 128])
    """
    _check_not_empty(dataset)
    stream = TrainingStream(
        len(dataset),
        seed=seed,
        batch_size=batch_size,
        start_batch=start_batch,
        rank=rank,
        num_processes=num_processes,
    )
    load = TrainingSamples(dataset, transforms, seed)
    return iter(WorkerBatches(load, partial(collate_training, size_divisor=size_divisor), stream, workers))


def evaluation_loader(
    dataset: Dataset,
    transforms: Sequence[Transform],
    *,
    batch_size: int,
    workers: int,
    size_divisor: int,
    rank: int = 0,
    num_processes: int = 1,
) -> Iterable[Batch]:
    """Returns batches of all images, to be iterated over as often as wanted.

    Transforms see the image alone; the target stays as the dataset gives it. Of several processes, each takes every
    num_processes-th image, and no image comes twice.

    Args:
        dataset: Source of the samples.
        transforms: Applied to each image in order.
        batch_size: Images per batch of one process.
        workers: Number of loading processes; 0 loads in this one.
        size_divisor: Heights and widths of batches are multiples of it.
        rank: Number of this process, from 0.
        num_processes: Number of processes that share the images.

    Raises:
        DataError: the dataset is empty; while iterating, a file cannot be read.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> loader = evaluation_loader(Shapes(length=5), [], batch_size=2, workers=0, size_divisor=32)
        >>> [len(batch.images) for batch in loader]
        [2, 2, 1]
    """
    _check_not_empty(dataset)
    # Interleaved, so that the processes' numbers of images differ by at most one.
    own = range(rank, len(dataset), num_processes)
    batches = [list(own[start : start + batch_size]) for start in range(0, len(own), batch_size)]
    collate = partial(collate_evaluation, size_divisor=size_divisor)
    return WorkerBatches(partial(_evaluation_sample, dataset, transforms), collate, batches, workers)


def _evaluation_sample(dataset: Dataset, transforms: Sequence[Transform], index: int) -> Sample:
    """Returns the transformed image with the target as the dataset gives it."""
    sample = dataset[index]
    target, sample = sample.target, replace(sample, target=None)
    for transform in transforms:
        sample = transform(sample)
    return replace(sample, target=target)


def _check_not_empty(dataset: Dataset) -> None:
    if len(dataset) == 0:
        name = type(dataset.dataset if isinstance(dataset, Limit) else dataset).__name__
        raise DataError(f"the dataset {name} has no images. Check its paths and 'limit'.")
