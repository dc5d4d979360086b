"""A batch of the smallest images of a training, tried before the first step."""

from __future__ import annotations

import math
from collections.abc import Sequence

from segkit.build import build_transforms
from segkit.config.sections import Training, TrainingSplit
from segkit.data.collating import collate_training
from segkit.data.padding import padded_size
from segkit.data.tally import Tally
from segkit.errors import DataError
from segkit.evaluation.loop import device_of
from segkit.layers.stepping import announce_step, stepped_parts
from segkit.models._base import SegmentationModel
from segkit.registries import Dataset
from segkit.runtime.model_call import call_model
from segkit.training.batches import training_divisor
from segkit.training.snapshot import Snapshot
from segkit.training.transform_look import transformed_tally
from segkit.types import Sample

_TRIED = 4
"""Sides of a batch, in units of `size_divisor`, up to which it is tried: larger ones would take seconds."""


def try_transforms(
    model: SegmentationModel,
    dataset: Dataset,
    indices: Sequence[int],
    split: TrainingSplit,
    settings: Training,
    num_processes: int,
) -> Tally:
    """Counts some transformed images, and tries the smallest batch of them.

    Args:
        model: Of the training.
        dataset: That of `split`.
        indices: Its images that can be read.
        split: The `data.train` of the training.
        settings: Of the training.
        num_processes: Processes of the training.

    Raises:
        DataError: The batch is too small for the model.
    """
    batch = SmallBatch(split.batch_size, training_divisor(settings, model.size_divisor))
    tally = transformed_tally(dataset, indices, build_transforms(split.transforms), split.timeout, batch.add)
    # Synchronized batch norms see the images of all processes.
    if not (settings.sync_batch_norm and num_processes > 1):
        batch.try_on(model)
    return tally


class SmallBatch:
    """The smallest batch that some transformed images tell of.

    Several images are padded to the largest one of their batch. So a batch of one is that of the smallest image, and a
    larger batch holds the largest.

    Args:
        batch_size: Images of a batch of one process.
        size_divisor: Batches are padded to multiples of it.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> batch = SmallBatch(batch_size=1, size_divisor=32)
        >>> for size in ((64, 64), (32, 32)):
        ...     batch.add(Shapes(size=size)[0])
        >>> batch.sample.size
        (32, 32)
    """

    def __init__(self, batch_size: int, size_divisor: int) -> None:
        self.sample: Sample | None = None
        """The image that decides."""
        self._batch_size = batch_size
        self._size_divisor = size_divisor

    def add(self, sample: Sample) -> None:
        """Looks at an image as the model would learn from it."""
        if self.sample is None:
            self.sample = sample
        else:
            decides = min if self._batch_size == 1 else max
            self.sample = decides(self.sample, sample, key=self._padded_pixels)

    def try_on(self, model: SegmentationModel) -> None:
        """Passes the batch through a model as training does. Nothing of it stays.

        Raises:
            DataError: It is too small for the model.
        """
        if self.sample is None or self._padded_pixels(self.sample) > (_TRIED * self._size_divisor) ** 2:
            return
        batch = collate_training([self.sample] * self._batch_size, self._size_divisor)
        device, before = device_of(model), Snapshot(model)
        model.train()
        announce_step(stepped_parts(model), 0, 1)
        targets = [target.to(device) for target in batch.targets]
        try:
            call_model(model, batch.images.to(device), batch.sizes, batch.files, targets)
        except DataError as error:
            raise DataError(f"data.train: {error}") from error
        finally:
            before.restore()

    def _padded_pixels(self, sample: Sample) -> int:
        return math.prod(padded_size([sample.size], self._size_divisor))
