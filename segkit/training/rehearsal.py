"""Steps that are made before a training to see what it takes. They change the weights, which are not kept."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from segkit.runtime.memory import memory_to_use, peak_memory
from segkit.runtime.seeds import STEP, derived_seed
from segkit.training.loop import Trainer
from segkit.types import Batch

LEARNING_STEPS, REAL_STEPS = 10, 5
"""Steps on one batch, and steps on new batches."""

PATIENCE = 15.0
"""Seconds after which no further step of a kind is made, once there are two."""

MARGIN = 0.9
"""Fraction of the memory that may be filled: batches of larger images, and gaps between tensors, need the rest."""


@dataclass(frozen=True)
class Memory:
    """The memory of a step."""

    images: int
    """Images of the batch that was measured."""
    peak: int
    """Bytes in use at most."""
    per_image: int
    """Bytes that each further image takes; 0 where that is too little to be measured."""
    usable: int
    """Bytes that could be in use."""

    @property
    def fits(self) -> int | None:
        """The number of images that fit; None where an image takes nothing that can be measured."""
        if self.per_image <= 0:
            return None
        return max(0, self.images + math.floor((MARGIN * self.usable - self.peak) / self.per_image))


@dataclass(frozen=True)
class Pace:
    """How fast a training is."""

    step: float
    """Seconds per step, all included."""
    waiting: float
    """Seconds of it that are spent waiting for data."""


class Rehearsal:
    """Tries the steps of a training that has not begun.

    Args:
        trainer: Built, and not run.
        clock: Returns the time in seconds.
    """

    def __init__(self, trainer: Trainer, clock: Callable[[], float] = time.perf_counter) -> None:
        self.trainer = trainer
        self.clock = clock
        self.batch = next(trainer.batches)
        """The batch that is learned."""
        self.losses: list[float] = []
        """Of the steps on this batch, the first one before anything is learned."""
        self._step = 0

    def fit(self) -> bool:
        """Makes a first step, on half of the batch for as long as it does not fit into the memory of the GPU.

        Returns:
            Whether the batch fits, at least one image of it.
        """
        while True:
            try:
                self.losses = [self.make_step([self.batch])]
            except torch.cuda.OutOfMemoryError:
                self.trainer.training_step.optimizer.zero_grad()
            else:
                return True
            # Here, since the error holds the tensors of the failed step.
            torch.cuda.empty_cache()
            if len(self.batch.files) == 1:
                return False
            self.batch = images_of(self.batch, len(self.batch.files) // 2)

    def learn(self) -> None:
        """Learns the batch at the full learning rate, until its loss is not finite or enough steps are made."""
        for _ in self._repetitions(LEARNING_STEPS):
            if not math.isfinite(self.losses[-1]):
                break
            self.losses.append(self.make_step([self.batch]))

    def measure_memory(self) -> Memory:
        """Measures steps on two numbers of images."""
        device = self.trainer.accelerator.device
        count = len(self.batch.files)
        few, many = (count // 2, count) if count > 1 else (1, 2)
        peaks = []
        for number in (few, many):
            with peak_memory(device) as peak:
                self.make_step([images_of(self.batch, number)])
            peaks.append(peak.bytes)
        growth = (peaks[1] - peaks[0]) // (many - few)
        measured = peaks[1] if many == count else peaks[0]
        return Memory(count, measured, max(0, growth), memory_to_use(device))

    def measure_pace(self, prefetched: int) -> Pace:
        """Makes steps on new batches as the training does.

        Args:
            prefetched: Batches that may be loaded already, and are left out: getting them takes no time.
        """
        for _ in self._repetitions(prefetched):
            next(self.trainer.batches)
        steps, waits = [], []
        for _ in self._repetitions(REAL_STEPS):
            start = self.clock()
            batches = [next(self.trainer.batches) for _ in range(self.trainer.settings.accumulate)]
            waits.append(self.clock() - start)
            # No more images than fit, where the batches of the config do not.
            self.make_step([images_of(batch, min(len(batch.files), len(self.batch.files))) for batch in batches])
            steps.append(self.clock() - start)
        return Pace(statistics.median(steps), statistics.median(waits))

    def make_step(self, batches: Sequence[Batch]) -> float:
        """Makes a step at the full learning rate and returns its loss."""
        trainer = self.trainer
        if trainer.settings.seed is not None:
            torch.manual_seed(derived_seed(trainer.settings.seed, STEP, self._step, trainer.accelerator.process_index))
        self._step += 1
        trainer.rates.set_highest(max(trainer.rates.base))
        report = trainer.training_step.compute_gradients(batches, 0, trainer.steps)
        trainer.training_step.update(report)
        return report.losses["total"]

    def _repetitions(self, most: int) -> Iterator[int]:
        """Counts up to `most`, or until the patience is over after the second."""
        end = self.clock() + PATIENCE
        for number in range(most):
            if number >= 2 and self.clock() > end:
                return
            yield number


def images_of(batch: Batch, count: int) -> Batch:
    """Returns a batch of the first `count` images, which come again from the start where there are fewer.

    Example:
        >>> from segkit.types import ImageSizes, Target
        >>> sizes = ImageSizes((8, 8), (8, 8), (8, 8))
        >>> batch = Batch(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), [sizes], [], ["a.png"], [0])
        >>> images_of(batch, 2).files
        ['a.png', 'a.png']
    """
    chosen = [index % len(batch.files) for index in range(count)]
    return Batch(
        batch.images[chosen],
        [batch.sizes[index] for index in chosen],
        [batch.targets[index] for index in chosen if batch.targets],
        [batch.files[index] for index in chosen],
        [batch.image_ids[index] for index in chosen],
    )
