"""Image in, result out: a checkpoint made ready for use."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from segkit.build import build_part, build_postprocessors, build_transforms
from segkit.checkpoint import load_checkpoint
from segkit.data.images import read_image, to_image
from segkit.data.padding import padded_size, stack_padded
from segkit.errors import DataError
from segkit.inference.sliding_window import SlidingWindow, refuse_segments
from segkit.models._base import SegmentationModel
from segkit.registries import POSTPROCESSORS
from segkit.results.filtering import filter_by_score
from segkit.runtime.devices import choose_device
from segkit.runtime.precision import Precision, autocast
from segkit.types import ImageSizes, InstanceResult, Result, Sample

READ_AHEAD = 4
"""Images decoded while the model is at work."""


@dataclass
class Outcome:
    """What became of one image of many: either `image` and `result`, or `error`."""

    file: str
    image: Tensor | None = None
    """(3,H,W) uint8 RGB, as read."""
    result: Result | None = None
    """At the image's size, on the predictor's device."""
    error: DataError | None = None
    """Why the image could not be read."""


@dataclass
class Prepared:
    """An image as the model wants it."""

    file: str
    original: Tensor
    """(3,H,W) uint8, as read."""
    image: Tensor
    """(3,H',W') uint8, transformed."""
    sizes: ImageSizes


class Predictor:
    """Segments images as a checkpoint learned it: `Predictor("runs/x/best", task="panoptic")("street.jpg")`.

    Images go through the transforms that the checkpoint's config evaluates with; results have the image's own size.
    """

    def __init__(
        self,
        checkpoint: str | Path,
        task: str | None = None,
        *,
        device: torch.device | str | None = None,
        precision: Precision = "fp32",
        score_threshold: float = 0.5,
        window: int | None = None,
    ) -> None:
        """`task` is the name of a postprocessor: by default the config's first; one that the config lacks runs with its
        default settings. `device` is by default the GPU where there is one. Instances scoring below `score_threshold`
        are left out. `window` is the side in pixels of the windows that a large image is seen through, semantic task
        alone (see `segkit.inference.sliding_window`); by default the model sees it whole.

        Raises CheckpointError, RegistryError where there is no such postprocessor, ConfigError where there is no such
        device, or the window does not suit the model or the task.
        """
        self.device = choose_device(device)
        self.precision: Precision = precision
        self.score_threshold = score_threshold
        loaded = load_checkpoint(checkpoint, self.device)
        self.model: SegmentationModel | SlidingWindow = loaded.model
        self.classes, self.config = loaded.classes, loaded.config
        configured = build_postprocessors(self.config, self.classes)
        self.task = task or next(iter(configured), "semantic")
        self.postprocessor: Any = configured.get(self.task)
        if self.postprocessor is None:
            self.postprocessor = build_part(POSTPROCESSORS, {"type": self.task}, {"classes": self.classes})
        if window is not None:
            refuse_segments({self.task: self.postprocessor})
            self.model = SlidingWindow(self.model, window)
        data = self.config.experiment.data
        self._transforms = build_transforms(data.val.transforms if data is not None and data.val is not None else [])

    def __call__(self, image: str | Path | Image.Image | NDArray[Any] | Tensor) -> Result:
        """The result of one image: a path, a PIL image, or RGB as a uint8 array (H,W,3) or tensor (3,H,W).

        Raises DataError where it is none of these or unreadable, ConfigError where the model cannot answer the task.
        """
        read = _checked(image) if isinstance(image, Tensor) else to_image(image)
        return self._predict([self._prepare(read, str(image) if isinstance(image, str | Path) else "image")])[0]

    def predict_many(self, files: Iterable[str | Path], batch_size: int = 1) -> Iterator[Outcome]:
        """An outcome per file, in order; files are read while the model works. One that cannot be read is an outcome
        with an error, and the rest go on.

        Up to `batch_size` consecutive images that pad to the same size go through the model together, so that none is
        padded more than alone.
        """
        waiting: list[Prepared] = []
        for outcome in self._read_ahead(files):
            if isinstance(outcome, Prepared):
                if waiting and outcome.sizes.padded != waiting[0].sizes.padded:
                    yield from self._outcomes(waiting)
                    waiting = []
                waiting.append(outcome)
                if len(waiting) < batch_size:
                    continue
            yield from self._outcomes(waiting)
            waiting = []
            if isinstance(outcome, Outcome):
                yield outcome
        yield from self._outcomes(waiting)

    def _outcomes(self, prepared: list[Prepared]) -> Iterator[Outcome]:
        for one, result in zip(prepared, self._predict(prepared), strict=True):
            yield Outcome(one.file, one.original, result)

    def _read_ahead(self, files: Iterable[str | Path]) -> Iterator[Prepared | Outcome]:
        """Each file made ready by another thread, at most READ_AHEAD ahead of use."""
        queue: deque[Future[Prepared | Outcome]] = deque()
        with ThreadPoolExecutor(max_workers=1) as reader:
            try:
                for file in files:
                    queue.append(reader.submit(self._read, file))
                    if len(queue) > READ_AHEAD:
                        yield queue.popleft().result()
                while queue:
                    yield queue.popleft().result()
            finally:
                for unread in queue:
                    unread.cancel()

    def _read(self, file: str | Path) -> Prepared | Outcome:
        try:
            return self._prepare(read_image(file), str(file))
        except DataError as error:
            return Outcome(str(file), error=error)

    def _prepare(self, image: Tensor, file: str) -> Prepared:
        sample = Sample(image, None, file, file)
        output = sample.size
        for transform in self._transforms:
            sample = transform(sample)
        padded = padded_size([sample.size], self.model.size_divisor)
        return Prepared(file, image, sample.image, ImageSizes(padded, sample.size, output))

    @torch.inference_mode()
    def _predict(self, prepared: list[Prepared]) -> list[Result]:
        """One result per image; all are padded to one size."""
        if not prepared:
            return []
        sizes = [one.sizes for one in prepared]
        images = stack_padded([one.image for one in prepared], sizes[0].padded).to(self.device)
        with autocast(self.device, self.precision):
            prediction = self.model(images, [size.unpadded for size in sizes])
        results: list[Result] = self.postprocessor(prediction, sizes)
        return [self._sure(result) for result in results]

    def _sure(self, result: Result) -> Result:
        return filter_by_score(result, self.score_threshold) if isinstance(result, InstanceResult) else result


def _checked(image: Tensor) -> Tensor:
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3 or image.numel() == 0:
        raise DataError(
            f"a tensor of shape {tuple(image.shape)} and type {image.dtype} is no image. Give a uint8 tensor of "
            "shape (3, H, W) in RGB order."
        )
    return image
