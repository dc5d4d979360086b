"""Everything between a data set and a batch: order, random numbers, transforms, padding, worker processes.

Training reads an endless stream: which image stands at position p, and what random numbers its transforms get,
follows from (seed, p) alone. So neither the number of workers nor a resumption changes what is learnt from.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from segkit.classes import Classes
from segkit.data.padding import padded_size, stack_padded
from segkit.errors import DataError
from segkit.ops.targets import pad_target, prepare_for_training
from segkit.types import Batch, ImageSizes, Sample, Target

Transform = Callable[[Sample], Sample]


class Dataset(Protocol):
    """What the registry of data sets holds, built."""

    @property
    def classes(self) -> Classes: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


class Limit:
    """The first `count` samples of a data set."""

    def __init__(self, dataset: Dataset, count: int) -> None:
        self.dataset = dataset
        self.classes = dataset.classes
        self.count = max(0, min(count, len(dataset)))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        """Raises IndexError beyond the end, as a sequence does."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        return self.dataset[index]


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
    """An endless iterator of training batches, from the `start_batch`-th on.

    Every image comes once per epoch, in an order drawn anew for each. Of the batch_size * num_processes images of a
    step, the processes take consecutive shares. Raises DataError for an empty data set and for an image or truth that
    cannot be read.
    """
    _refuse_empty(dataset)
    stream = _Stream(len(dataset), seed, batch_size, start_batch, rank, num_processes)
    return iter(_Batches(_TrainingItems(dataset, transforms, seed, size_divisor), stream, workers))


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
    """Iterates over every image once, as often as wanted; of several processes each takes every num_processes-th.

    Transforms touch the image alone; the truth stays as the data set gave it. Raises DataError as `training_loader`.
    """
    _refuse_empty(dataset)
    share = range(rank, len(dataset), num_processes)
    batches = [list(share[start : start + batch_size]) for start in range(0, len(share), batch_size)]
    return _Batches(_EvaluationItems(dataset, transforms, size_divisor), batches, workers)


def collate_training(samples: Sequence[Sample], size_divisor: int) -> Batch:
    """Images and targets padded to the least common size that `size_divisor` divides.

    Targets lose their crowds and the segments that transforms have left without a pixel. Images are padded with 0,
    which means nothing: models zero whatever lies beyond an image's size after normalisation.
    """
    size = padded_size([sample.size for sample in samples], size_divisor)
    targets = [pad_target(prepare_for_training(_target_of(sample)), size) for sample in samples]
    sizes = [ImageSizes(size, sample.size, sample.size) for sample in samples]
    return _batch(samples, sizes, targets)


def collate_evaluation(samples: Sequence[Sample], size_divisor: int) -> Batch:
    """Images as in training; targets as they are, whose own sizes are those that results are wanted in."""
    size = padded_size([sample.size for sample in samples], size_divisor)
    targets = [_target_of(sample) for sample in samples]
    sizes = [ImageSizes(size, sample.size, target.size) for sample, target in zip(samples, targets, strict=True)]
    return _batch(samples, sizes, targets)


def _target_of(sample: Sample) -> Target:
    assert sample.target is not None, f"{sample.file}: a data set must give its samples a target"
    return sample.target


def _batch(samples: Sequence[Sample], sizes: list[ImageSizes], targets: list[Target]) -> Batch:
    return Batch(
        images=stack_padded([sample.image for sample in samples], sizes[0].padded),
        sizes=sizes,
        targets=_in_one_block(targets),
        files=[sample.file for sample in samples],
        image_ids=[sample.image_id for sample in samples],
    )


def _in_one_block(targets: list[Target]) -> list[Target]:
    """The targets with all their tensors in one block of memory.

    A worker hands each block over as an open file: one per tensor would soon reach the system's bound on open files.
    """
    named = [
        (number, field.name, tensor)
        for number, target in enumerate(targets)
        for field in fields(target)
        if (tensor := getattr(target, field.name)) is not None
    ]
    lengths = [math.ceil(tensor.nbytes / 16) * 16 for _, _, tensor in named]  # any type may begin at a multiple of 16
    block = torch.empty(sum(lengths), dtype=torch.uint8)
    changes: list[dict[str, Tensor]] = [{} for _ in targets]
    for (number, name, tensor), piece in zip(named, torch.split(block, lengths), strict=True):
        changes[number][name] = piece[: tensor.nbytes].view(tensor.dtype).view(tensor.shape).copy_(tensor)
    return [replace(target, **change) for target, change in zip(targets, changes, strict=True)]


def _refuse_empty(dataset: Dataset) -> None:
    if len(dataset) == 0:
        named = type(dataset.dataset if isinstance(dataset, Limit) else dataset).__name__
        raise DataError(f"the data set {named} has no image. Check its paths, and 'limit'.")


class _Batches:
    """Batches made in worker processes. A DataError arrives from there as an item, and is raised here.

    (DataLoader itself would bury its message in the text of the worker's traceback.)
    """

    def __init__(
        self, items: "_TrainingItems | _EvaluationItems", batches: Iterable[Sequence[object]], workers: int
    ) -> None:
        self._loader: Iterable[Batch | DataError] = DataLoader(
            items,
            batch_sampler=batches,  # type: ignore[arg-type]  # an item's place is more than an index in training
            num_workers=workers,
            collate_fn=items.collate,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # of its own, so that loading draws nothing from the global one
        )

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._loader:
            if isinstance(batch, DataError):
                try:
                    raise batch
                finally:
                    del batch  # or the error would hold this frame and this frame the error, and the workers with them
            yield batch


class _Stream:
    """One process's share of the endless stream: batches of (position in the stream, index in the data set)."""

    def __init__(
        self, length: int, seed: int, batch_size: int, start_batch: int, rank: int, num_processes: int
    ) -> None:
        self.length = length
        self.seed = seed
        self.batch_size = batch_size
        self.batch = start_batch
        self.rank = rank
        self.num_processes = num_processes

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        batch, drawn, order = self.batch, -1, torch.empty(0)
        while True:
            places = []
            first = (batch * self.num_processes + self.rank) * self.batch_size
            for position in range(first, first + self.batch_size):
                epoch, place = divmod(position, self.length)
                if epoch != drawn:
                    generator = torch.Generator().manual_seed(_mixed(self.seed, _ORDER, epoch))
                    drawn, order = epoch, torch.randperm(self.length, generator=generator)
                places.append((position, int(order[place])))
            yield places
            batch += 1


_ORDER, _TRANSFORMS = 0, 1
"""What random numbers are for."""


def _mixed(seed: int, purpose: int, number: int) -> int:
    """A seed for `torch.manual_seed` that has nothing to do with those of neighbouring numbers."""
    return int(np.random.SeedSequence([seed % 2**64, purpose, number]).generate_state(1, np.uint64)[0] >> 1)


class _TrainingItems(TorchDataset[Sample | DataError]):
    """What a worker makes of a data set in training."""

    def __init__(self, dataset: Dataset, transforms: Sequence[Transform], seed: int, size_divisor: int) -> None:
        self.dataset = dataset
        self.transforms = transforms
        self.seed = seed
        self.size_divisor = size_divisor

    def __getitem__(self, place: tuple[int, int]) -> Sample | DataError:
        position, index = place
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_mixed(self.seed, _TRANSFORMS, position))
            try:
                sample = self.dataset[index]
                for transform in self.transforms:
                    sample = transform(sample)
            except DataError as error:
                return error
        return sample

    def collate(self, items: list[Sample | DataError]) -> Batch | DataError:
        error, samples = _parted(items)
        return error or collate_training(samples, self.size_divisor)


class _EvaluationItems(TorchDataset[Sample | DataError]):
    """What a worker makes of a data set in evaluation: the transformed image with the untouched truth."""

    def __init__(self, dataset: Dataset, transforms: Sequence[Transform], size_divisor: int) -> None:
        self.dataset = dataset
        self.transforms = transforms
        self.size_divisor = size_divisor

    def __getitem__(self, index: int) -> Sample | DataError:
        try:
            sample = self.dataset[index]
            truth, sample = sample.target, replace(sample, target=None)
            for transform in self.transforms:
                sample = transform(sample)
        except DataError as error:
            return error
        return replace(sample, target=truth)

    def collate(self, items: list[Sample | DataError]) -> Batch | DataError:
        error, samples = _parted(items)
        return error or collate_evaluation(samples, self.size_divisor)


def _parted(items: list[Sample | DataError]) -> tuple[DataError | None, list[Sample]]:
    """The first error, if any, and the samples."""
    errors = [item for item in items if isinstance(item, DataError)]
    return errors[0] if errors else None, [item for item in items if isinstance(item, Sample)]
