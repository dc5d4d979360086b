"""Batches with what the loading process found out, so that the main process need not look at every pixel again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from torch.utils.data import get_worker_info

from segkit.data.collating import move_to_shared_memory
from segkit.data.replacing import BadSample, LoadedSample
from segkit.data.tally import Tally
from segkit.errors import DataError
from segkit.types import Batch, Sample


@dataclass
class LoadedBatch(Batch):
    """A batch of one of segkit's loaders."""

    tally: Tally
    """Counts of its targets, without their padding."""
    bad_samples: list[BadSample]
    """Those that could not be loaded and were replaced."""


class CountedCollate:
    """Puts samples together and counts their targets.

    Args:
        collate: Puts samples together.
        num_classes: Number of classes K of the targets.
        padded: Whether `collate` pads targets, as for training.

    Example:
        >>> from functools import partial
        >>> from segkit.data.collating import collate_training
        >>> from segkit.datasets.shapes import Shapes
        >>> collate = CountedCollate(partial(collate_training, size_divisor=32), num_classes=8, padded=True)
        >>> batch = collate([LoadedSample(Shapes()[0])])
        >>> batch.tally.images, batch.bad_samples
        (1, [])
    """

    def __init__(self, collate: Callable[[Sequence[Sample]], Batch], num_classes: int, padded: bool) -> None:
        self.collate = collate
        self.num_classes = num_classes
        self.padded = padded

    def __call__(self, loaded: Sequence[LoadedSample]) -> LoadedBatch:
        """Returns the batch of the samples.

        Raises:
            DataError: A label is not a class index, or a loading process has no room for the batch.
        """
        batch = self.collate([one.sample for one in loaded])
        if get_worker_info() is not None:
            _hand_over(batch)
        tally = Tally(self.num_classes)
        tally.add_batch(batch, self.padded)
        bad = [bad for one in loaded for bad in one.bad]
        return LoadedBatch(
            **{field.name: getattr(batch, field.name) for field in fields(batch)}, tally=tally, bad_samples=bad
        )


def _hand_over(batch: Batch) -> None:
    """Moves a batch to shared memory. The queue would do so in a thread, whose errors end nothing but the batch."""
    try:
        move_to_shared_memory(batch)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"a batch with {batch.files[0]} does not fit into the memory that processes share ({reason}). Make room "
            "in /dev/shm, raise the limit of file sizes (`ulimit -f`), or use smaller batches or workers: 0."
        ) from error
