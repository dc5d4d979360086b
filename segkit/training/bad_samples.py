"""Training samples that could not be loaded and were replaced: named, counted and bounded."""

from collections.abc import Sequence
from dataclasses import asdict

import torch
from accelerate import Accelerator

from segkit.data.loaded import LoadedBatch
from segkit.data.replacing import BadSample
from segkit.errors import DataError, counted
from segkit.runtime.processes import gather
from segkit.training.progress import Reporter
from segkit.training.state import TrainingState
from segkit.types import Batch


class BadSamples:
    """Watches the batches of a training for samples that were replaced. Every process must call it.

    A run of one percent of bad images is worth more than none; one of twenty percent has learned something else than
    was asked for.

    Args:
        state: How far the training is. Holds the bad images.
        num_images: Images of the dataset.
        accelerator: Connects the processes of the training.
        reporter: Names the samples.
    """

    def __init__(self, state: TrainingState, num_images: int, accelerator: Accelerator, reporter: Reporter) -> None:
        self.most = max(1, num_images // 100)
        """Images that may be bad."""
        self._state = state
        self._num_images = num_images
        self._accelerator = accelerator
        self._reporter = reporter

    def watch(self, batches: Sequence[Batch]) -> None:
        """Names the samples of a step that were replaced.

        Args:
            batches: Of this process, before the model learns from them.

        Raises:
            DataError: More than one percent of the images are bad.
        """
        found = self._of_all_processes(batches)
        if not found:
            return
        step = self._state.step + 1
        known = set(self._state.bad_images)
        for one in found:
            if one.index not in known:
                known.add(one.index)
                self._reporter.print(
                    f"step {step}: left out: {one.error} {one.replacement} takes its place "
                    f"({counted(known, 'bad image')}, at most {self.most})"
                )
        self._reporter.log(step, {"bad_samples": [asdict(one) for one in found]})
        if len(known) > self.most:
            raise DataError(
                f"data.train: {len(known)} of {self._num_images} images cannot be loaded, more than 1 %. Correct or "
                "remove them; 'bad_samples' in metrics.jsonl names all. Then go on with --resume."
            )
        self._state.bad_images = sorted(known)

    def _of_all_processes(self, batches: Sequence[Batch]) -> list[BadSample]:
        own = [bad for batch in batches if isinstance(batch, LoadedBatch) for bad in batch.bad_samples]
        if self._accelerator.num_processes > 1:
            # One number a step; the samples themselves are exchanged in the rare step that has some.
            number = torch.tensor(len(own), device=self._accelerator.device)
            if not int(self._accelerator.reduce(number, "sum")):
                return []
        return sorted((bad for process in gather(own) for bad in process), key=lambda bad: bad.position)
