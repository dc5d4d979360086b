"""Everything between a data set and a batch: order, random numbers, transforms, padding.

Training reads an endless stream: which picture stands at position p, and what the transforms' random numbers are there,
follows from (seed, p) alone. So neither the number of workers nor a resumption changes what is learnt from.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.nn.functional import pad
from torch.utils.data import DataLoader, Dataset, Sampler

from segkit.errors import DataError
from segkit.types import Batch, ImageSizes, Sample, Size

Transform = Callable[[Sample], Sample]


class Limit:
    """The first `count` samples of a data set."""

    def __init__(self, dataset: Any, count: int) -> None:
        self.dataset = dataset
        self.classes = dataset.classes
        self.count = min(count, len(dataset))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        sample: Sample = self.dataset[index]
        return sample


def training_loader(
    dataset: Any,
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

    Every picture comes once per epoch, in an order drawn anew for each. A process takes its share of each step's
    pictures. Raises DataError for an empty data set and for a picture or truth that cannot be read.
    """
    _refuse_empty(dataset)
    stream = _Stream(len(dataset), seed, batch_size, start_batch, rank, num_processes)
    loader = _loader(_Training(dataset, transforms, seed), stream, workers, _TrainingCollate(size_divisor))
    return (_raised(item) for item in loader)


class evaluation_loader:  # noqa: N801
    """Iterates over batches of every picture once, in order, as often as wanted; a process takes every n-th picture.

    Transforms touch the picture alone; the truth stays as the data set gave it. Raises DataError as `training_loader`.
    """

    def __init__(
        self,
        dataset: Any,
        transforms: Sequence[Transform],
        *,
        batch_size: int,
        workers: int,
        size_divisor: int,
        rank: int = 0,
        num_processes: int = 1,
    ) -> None:
        _refuse_empty(dataset)
        share = list(range(rank, len(dataset), num_processes))
        batches = [share[start : start + batch_size] for start in range(0, len(share), batch_size)]
        self._loader = _loader(_Evaluation(dataset, transforms), batches, workers, _EvaluationCollate(size_divisor))

    def __iter__(self) -> Iterator[Batch]:
        return (_raised(item) for item in self._loader)


def _refuse_empty(dataset: Any) -> None:
    if len(dataset) == 0:
        raise DataError(f"the data set '{type(dataset).__name__}' is empty: it has no picture.")


def _loader(dataset: Any, batches: Any, workers: int, collate: Any) -> Any:
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_one_thread,
    )


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)


def _raised(item: "Batch | DataError") -> Batch:
    """A worker's DataError arrives as an item, so that it is raised here with its own message and nothing around it."""
    if isinstance(item, DataError):
        raise item
    return item


class _Stream(Sampler[list[tuple[int, int]]]):
    """Endless batches of (position in the stream, index in the data set)."""

    def __init__(
        self, length: int, seed: int, batch_size: int, start_batch: int, rank: int, num_processes: int
    ) -> None:
        self.length = length
        self.seed = seed
        self.batch_size = batch_size
        self.start_batch = start_batch
        self.rank = rank
        self.num_processes = num_processes

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        batch = self.start_batch
        epoch, order = -1, torch.empty(0)
        while True:
            first = (batch * self.num_processes + self.rank) * self.batch_size
            chosen = []
            for position in range(first, first + self.batch_size):
                if position // self.length != epoch:
                    epoch = position // self.length
                    order = torch.randperm(self.length, generator=torch.Generator().manual_seed(_mix(self.seed, epoch)))
                chosen.append((position, int(order[position % self.length])))
            yield chosen
            batch += 1


def _mix(seed: int, number: int) -> int:
    """A seed of its own for every pair."""
    return (seed * 1_000_003 + number * 7_919 + 12_345) % (1 << 63)


class _Training(Dataset[Sample | DataError]):
    def __init__(self, dataset: Any, transforms: Sequence[Transform], seed: int) -> None:
        self.dataset = dataset
        self.transforms = transforms
        self.seed = seed

    def __getitem__(self, place: tuple[int, int]) -> Sample | DataError:
        position, index = place
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_mix(self.seed + 1, position))
            try:
                sample = self.dataset[index]
                for transform in self.transforms:
                    sample = transform(sample)
            except DataError as error:
                return error
        return replace(sample, target=sample.target.for_training())


class _Evaluation(Dataset[tuple[Sample, Any] | DataError]):
    """The transformed picture, with the untouched truth and its size."""

    def __init__(self, dataset: Any, transforms: Sequence[Transform]) -> None:
        self.dataset = dataset
        self.transforms = transforms

    def __getitem__(self, index: int) -> tuple[Sample, Any] | DataError:
        try:
            truth = self.dataset[index]
            sample = replace(truth, target=None)
            for transform in self.transforms:
                sample = transform(sample)
        except DataError as error:
            return error
        return sample, truth.target


def padded_size(sizes: Sequence[Size], divisor: int) -> Size:
    """The least multiples of `divisor` that hold all of `sizes`."""
    height, width = max(size[0] for size in sizes), max(size[1] for size in sizes)
    return -(-height // divisor) * divisor, -(-width // divisor) * divisor


def _stacked(samples: Sequence[Sample], size: Size) -> torch.Tensor:
    return torch.stack(
        [pad(sample.picture, (0, size[1] - sample.size[1], 0, size[0] - sample.size[0])) for sample in samples]
    )


class _TrainingCollate:
    def __init__(self, size_divisor: int) -> None:
        self.size_divisor = size_divisor

    def __call__(self, samples: list[Sample | DataError]) -> Batch | DataError:
        for sample in samples:
            if isinstance(sample, DataError):
                return sample
        whole = [sample for sample in samples if isinstance(sample, Sample)]
        size = padded_size([sample.size for sample in whole], self.size_divisor)
        return Batch(
            images=_stacked(whole, size),
            sizes=[ImageSizes(size, sample.size, sample.size) for sample in whole],
            targets=[sample.target.padded(size) for sample in whole if sample.target is not None],
            files=[sample.file for sample in whole],
            image_ids=[sample.image_id for sample in whole],
        )


class _EvaluationCollate:
    def __init__(self, size_divisor: int) -> None:
        self.size_divisor = size_divisor

    def __call__(self, items: list[tuple[Sample, Any] | DataError]) -> Batch | DataError:
        for item in items:
            if isinstance(item, DataError):
                return item
        pairs = [item for item in items if not isinstance(item, DataError)]
        samples = [sample for sample, _ in pairs]
        size = padded_size([sample.size for sample in samples], self.size_divisor)
        return Batch(
            images=_stacked(samples, size),
            sizes=[ImageSizes(size, sample.size, truth.size) for sample, truth in pairs],
            targets=[truth for _, truth in pairs],
            files=[sample.file for sample in samples],
            image_ids=[sample.image_id for sample in samples],
        )
