"""The two loaders: an endless one for training, one pass for evaluation."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Literal

from segkit.data.collating import collate_evaluation, collate_training
from segkit.data.limit import Limit
from segkit.data.loaded import CountedCollate, LoadedBatch
from segkit.data.read_sample import read_sample
from segkit.data.replacing import LoadedSample, ReplacingSamples
from segkit.data.stream import Place, TrainingSamples, TrainingStream
from segkit.data.transformed import transformed
from segkit.data.workers import TIMEOUT, WorkerBatches
from segkit.errors import DataError
from segkit.registries import Dataset, Transform
from segkit.types import Batch

OnBadSample = Literal["stop", "skip"]
"""What becomes of a training sample that cannot be loaded."""


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
    on_bad_sample: OnBadSample = "stop",
    timeout: float = TIMEOUT,
    repeat_factors: Sequence[float] | None = None,
) -> Iterator[LoadedBatch]:
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
        on_bad_sample: Whether an image that cannot be loaded is an error, or is replaced (`segkit.data.replacing`).
        timeout: Seconds to wait for a batch of the loading processes.
        repeat_factors: How often an epoch visits each image on average; None visits each once.

    Raises:
        DataError: the dataset is empty; while iterating, a file cannot be read, or a loading process hangs or has
            ended.

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
        repeat_factors=repeat_factors,
    )
    samples = TrainingSamples(dataset, transforms, seed)
    load: Callable[[Place], LoadedSample] = partial(_loaded, samples)
    if on_bad_sample == "skip":
        load = ReplacingSamples(samples)
    collate = partial(collate_training, size_divisor=size_divisor)
    batches = WorkerBatches(
        load,
        CountedCollate(collate, len(dataset.classes), padded=True),
        stream,
        workers,
        index_of=itemgetter(1),
        timeout=timeout,
        section="data.train",
    )
    return iter(batches)


def evaluation_loader(
    dataset: Dataset,
    transforms: Sequence[Transform],
    *,
    batch_size: int,
    workers: int,
    size_divisor: int,
    rank: int = 0,
    num_processes: int = 1,
    timeout: float = TIMEOUT,
) -> Iterable[LoadedBatch]:
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
        timeout: Seconds to wait for a batch of the loading processes.

    Raises:
        DataError: the dataset is empty; while iterating, a file cannot be read, or a loading process hangs or has
            ended.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> loader = evaluation_loader(Shapes(length=5), [], batch_size=2, workers=0, size_divisor=32)
        >>> [len(batch.images) for batch in loader]
        [2, 2, 1]
    """
    _check_not_empty(dataset)
    batches = _evaluation_batches(len(dataset), batch_size, rank, num_processes)
    collate = partial(collate_evaluation, size_divisor=size_divisor)
    load = partial(evaluation_sample, dataset, transforms)
    return WorkerBatches(
        load,
        CountedCollate(collate, len(dataset.classes), padded=False),
        batches,
        workers,
        index_of=int,
        timeout=timeout,
        section="data.val",
    )


def evaluation_batch(
    index: int,
    dataset: Dataset,
    transforms: Sequence[Transform],
    *,
    batch_size: int,
    size_divisor: int,
    num_processes: int = 1,
) -> Batch:
    """Returns the batch of an evaluation in which sample `index` will be; arguments as for `evaluation_loader`.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> batch = evaluation_batch(3, Shapes(length=5), [], batch_size=2, size_divisor=32)
        >>> batch.image_ids
        ['shapes_0_00002', 'shapes_0_00003']
    """
    batches = _evaluation_batches(len(dataset), batch_size, index % num_processes, num_processes)
    chosen = next(batch for batch in batches if index in batch)
    return collate_evaluation([evaluation_sample(dataset, transforms, one).sample for one in chosen], size_divisor)


def _evaluation_batches(length: int, batch_size: int, rank: int, num_processes: int) -> list[list[int]]:
    # Interleaved, so that the processes' numbers of images differ by at most one.
    own = range(rank, length, num_processes)
    return [list(own[start : start + batch_size]) for start in range(0, len(own), batch_size)]


def _loaded(load: TrainingSamples, place: Place) -> LoadedSample:
    return LoadedSample(load(place))


def evaluation_sample(dataset: Dataset, transforms: Sequence[Transform], index: int) -> LoadedSample:
    """Returns a transformed image with the target as the dataset gives it.

    Raises:
        DataError: the image cannot be read, or is too small for a transform.
    """
    sample = read_sample(dataset, index)
    alone = transformed(replace(sample, target=None), transforms)
    return LoadedSample(replace(alone, target=sample.target))


def _check_not_empty(dataset: Dataset) -> None:
    if len(dataset) == 0:
        name = type(dataset.dataset if isinstance(dataset, Limit) else dataset).__name__
        raise DataError(f"the dataset {name} has no images. Check its paths and 'limit'.")
