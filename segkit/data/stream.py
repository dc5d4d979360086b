"""The endless stream of training samples.

The image at position p of the stream, and the random numbers of its transforms, follow from (seed, p) alone. So neither
the number of worker processes nor an interruption changes what a model is trained on.
"""

from collections.abc import Iterator, Sequence

import torch

from segkit.data.read_sample import read_sample
from segkit.data.repeat_factors import drawn_images, epoch_length
from segkit.data.transformed import transformed
from segkit.registries import Dataset, Transform
from segkit.runtime.seeds import ORDER, TRANSFORMS, derived_seed
from segkit.types import Sample

Place = tuple[int, int]
"""(position in the stream, index in the dataset)."""


class TrainingStream:
    """The batches of places that one process takes from the stream.

    Each epoch visits every image once, or as often as its factor says, in an order of its own. Of the batch_size *
    num_processes places of a step, each process takes batch_size consecutive ones.

    Args:
        length: Number of images in the dataset.
        seed: Seed of the order.
        batch_size: Number of places per batch.
        start_batch: Number of batches to skip, when training resumes.
        rank: Number of this process, from 0.
        num_processes: Number of all processes.
        repeat_factors: How often an epoch visits each image on average (`segkit.data.repeat_factors`); None visits each
            once.

    Example:
        >>> stream = iter(TrainingStream(3, seed=0, batch_size=2))
        >>> batches = [next(stream) for _ in range(3)]
        >>> [position for batch in batches for position, _ in batch]
        [0, 1, 2, 3, 4, 5]
        >>> sorted(index for batch in batches for _, index in batch)
        [0, 0, 1, 1, 2, 2]
    """

    def __init__(
        self,
        length: int,
        *,
        seed: int,
        batch_size: int,
        start_batch: int = 0,
        rank: int = 0,
        num_processes: int = 1,
        repeat_factors: Sequence[float] | None = None,
    ) -> None:
        self.length = length if repeat_factors is None else epoch_length(repeat_factors)
        self.seed = seed
        self.batch_size = batch_size
        self.start_batch = start_batch
        self.rank = rank
        self.num_processes = num_processes
        self.repeat_factors = repeat_factors

    def __iter__(self) -> Iterator[list[Place]]:
        batch, drawn_epoch, order = self.start_batch, -1, torch.empty(0)
        while True:
            places = []
            first = (batch * self.num_processes + self.rank) * self.batch_size
            for position in range(first, first + self.batch_size):
                # A batch may reach into the next epoch, so that all batches have the same size.
                epoch, within = divmod(position, self.length)
                if epoch != drawn_epoch:
                    drawn_epoch, order = epoch, self._order_of(epoch)
                places.append((position, int(order[within])))
            yield places
            batch += 1

    def _order_of(self, epoch: int) -> torch.Tensor:
        """Returns the images of an epoch by index."""
        generator = torch.Generator().manual_seed(derived_seed(self.seed, ORDER, epoch))
        order = torch.randperm(self.length, generator=generator)
        if self.repeat_factors is None:
            return order
        offset = torch.rand((), dtype=torch.float64, generator=generator)
        return drawn_images(self.repeat_factors, float(offset))[order]


class TrainingSamples:
    """Transformed samples by their place in the stream.

    Args:
        dataset: Source of the samples.
        transforms: Applied in order. They draw from torch's global generator, which is seeded for each place and
            restored afterwards.
        seed: Seed of the random numbers.
    """

    def __init__(self, dataset: Dataset, transforms: Sequence[Transform], seed: int) -> None:
        self.dataset = dataset
        self.transforms = transforms
        self.seed = seed

    def __call__(self, place: Place) -> Sample:
        position, index = place
        # The seed depends on the position, not on the image: an image gets other transforms in each epoch.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(self.seed, TRANSFORMS, position))
            return transformed(read_sample(self.dataset, index), self.transforms)
