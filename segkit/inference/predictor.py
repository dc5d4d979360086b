"""From an image to its result: a checkpoint ready for use."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from segkit.build import build_postprocessor, build_transforms
from segkit.checkpoint import load_checkpoint
from segkit.config import Config
from segkit.config.arguments import check_arguments
from segkit.data.images import read_image, to_image
from segkit.data.padding import padded_size, stack_padded
from segkit.errors import ConfigError, DataError
from segkit.inference.semantic_options import with_options
from segkit.registries.signature import Fraction, Positive
from segkit.runtime.background import in_background
from segkit.runtime.devices import choose_device
from segkit.runtime.model_call import call_model, enough_memory
from segkit.runtime.precision import Precision, autocast
from segkit.types import ImageSizes, Result, Sample

INSTANCE_SCORE = 0.5
"""Smallest score of instances where neither the caller nor the config sets one: average precision is measured with all
instances, but nobody wants to see those that are most likely wrong."""


@dataclass
class Outcome:
    """The outcome for one of many images: either `image` and `result`, or `error`."""

    file: str
    image: Tensor | None = None
    """(3,H,W) uint8 RGB, as read."""
    result: Result | None = None
    """At the image's size, on the predictor's device."""
    error: DataError | None = None
    """Why the image could not be read or is too small for the model."""


@dataclass
class Prepared:
    """An image as the model takes it."""

    file: str
    original: Tensor
    """(3,H,W) uint8 RGB, as read."""
    image: Tensor
    """(3,H',W') uint8 RGB, transformed."""
    sizes: ImageSizes


class Predictor:
    """Segments images with the model of a checkpoint.

    Images go through the transforms that the checkpoint's config evaluates with. Results have the image's own size.

    Args:
        checkpoint: Folder of a checkpoint or of a run.
        task: Name of a postprocessor, by default the first of the config. One that the config lacks runs with its
            default settings.
        device: For example `cpu` or `cuda:1`; by default the GPU where there is one.
        precision: Number format of the model.
        score_threshold: Replaces this setting of the postprocessor, for the instance and panoptic tasks. By default the
            config's own; for instances 0.5 if the config sets none.
        window: Side, in pixels, of the windows that large images are split into (see
            `segkit.inference.sliding_window`; semantic task only). By default the model sees each image whole.
        augment: Average the predictions of six sizes of the image and of their mirror images (see
            `segkit.inference.augmentation`; semantic task only). This takes about 23 times as long.
        max_pixels: Files with more pixels are refused. By default the limit is that of the environment variable
            SEGKIT_MAX_PIXELS, or else Pillow's. An image is decoded as a whole, with or without windows, which takes
            about 7 bytes a pixel.
        plugins: Python files that the checkpoint's config may import.
        trust: Import all Python files that the checkpoint's config names as plugins.

    Raises:
        CheckpointError: The checkpoint cannot be loaded.
        RegistryError: There is no such postprocessor.
        ConfigError: The config names plugins that are not trusted, the device cannot be used, the window or the score
            threshold does not suit the model or the task, or an argument has a value that is not allowed.

    Example:
        >>> import tempfile
        >>> import segkit
        >>> from segkit.build import dataset_classes
        >>> from segkit.checkpoint import save_checkpoint
        >>> config = segkit.load_config("configs/quickstart.yaml")
        >>> folder = Path(tempfile.mkdtemp()) / "checkpoint"
        >>> save_checkpoint(folder, segkit.build_model(config), config, dataset_classes(config))
        >>> predictor = Predictor(folder, task="panoptic", device="cpu")
        >>> predictor(np.zeros((48, 64, 3), dtype=np.uint8)).segment_map.shape
        torch.Size([48, 64])
    """

    def __init__(
        self,
        checkpoint: str | Path,
        task: str | None = None,
        *,
        device: torch.device | str | None = None,
        precision: Precision = "fp32",
        score_threshold: float | None = None,
        window: int | None = None,
        augment: bool = False,
        max_pixels: int | None = None,
        plugins: Sequence[str | PathLike[str]] = (),
        trust: bool = False,
    ) -> None:
        check_arguments(
            precision=(precision, Precision),
            score_threshold=(score_threshold, Fraction | None),
            window=(window, Positive | None),
            augment=(augment, bool),
            max_pixels=(max_pixels, Positive | None),
        )
        self.device = choose_device(device)
        self.precision: Precision = precision
        self.max_pixels = max_pixels
        loaded = load_checkpoint(checkpoint, self.device, plugins=plugins, trust=trust)
        self.classes, self.config = loaded.classes, loaded.config
        self.task = task or next((part["type"] for part in self.config.experiment.postprocessors), "semantic")
        # One mechanism for all tasks: the postprocessor's own setting is replaced, its results are not filtered again.
        settings = {} if score_threshold is None else {"score_threshold": score_threshold}
        self.postprocessor = build_postprocessor(
            self.config, self.classes, self.task, _defaults(self.config, self.task) | settings
        )
        self.model = with_options(loaded.model, {self.task: self.postprocessor}, window, augment)
        data = self.config.experiment.data
        self._transforms = build_transforms(data.val.transforms if data is not None and data.val is not None else [])

    def __call__(self, image: str | Path | Image.Image | NDArray[np.uint8] | Tensor) -> Result:
        """Returns the result of one image.

        Args:
            image: A path, a PIL image, or RGB values: a uint8 array (H,W,3) or tensor (3,H,W).

        Raises:
            DataError: It is none of these, the file cannot be read, or the image is too small for the model.
            ConfigError: The model does not support the task.
        """
        read = _checked(image) if isinstance(image, Tensor) else to_image(image, self.max_pixels)
        return self._predict([self.prepare(read, str(image) if isinstance(image, str | Path) else "image")])[0]

    def predict_many(self, files: Iterable[str | Path], batch_size: int = 1) -> Iterator[Outcome]:
        """Yields an outcome for each file, in order. Files are read while the model computes.

        For a file that cannot be read or is too small, the outcome holds the error, and the others are processed.

        Args:
            files: Paths of images.
            batch_size: Most images that go through the model together. Only consecutive images that pad to the same
                size do, so that none is padded more than alone.

        Raises:
            ConfigError: `batch_size` is not a positive integer, or `files` a single path.
        """
        check_arguments(batch_size=(batch_size, Positive))
        if isinstance(files, str | Path):  # the characters of a text would be taken as files
            raise ConfigError(f"files: {str(files)!r} is a single path. Pass a list: [{str(files)!r}].")
        return self._predict_many(files, batch_size)

    def _predict_many(self, files: Iterable[str | Path], batch_size: int) -> Iterator[Outcome]:
        waiting: list[Prepared] = []
        for read in in_background(self._read, files):
            # A batch ends when it is full, before an image of another padded size, and before an error, so that
            # outcomes keep the order of the files.
            if isinstance(read, Prepared):
                if waiting and read.sizes.padded != waiting[0].sizes.padded:
                    yield from self._outcomes(waiting)
                    waiting = []
                waiting.append(read)
                if len(waiting) < batch_size:
                    continue
            yield from self._outcomes(waiting)
            waiting = []
            if isinstance(read, Outcome):
                yield read
        yield from self._outcomes(waiting)

    def prepare(self, image: Tensor, file: str = "image") -> Prepared:
        """Returns an image (3,H,W) uint8 RGB as the model takes it; `file` names it in results and errors."""
        sample = Sample(image, None, file, file)
        output = sample.size  # the result has the size that the image has before the transforms
        for transform in self._transforms:
            sample = transform(sample)
        padded = padded_size([sample.size], self.model.size_divisor)
        return Prepared(file, image, sample.image, ImageSizes(padded, sample.size, output))

    def _read(self, file: str | Path) -> Prepared | Outcome:
        try:
            return self.prepare(read_image(file, self.max_pixels), str(file))
        except DataError as error:
            return Outcome(str(file), error=error)

    def _outcomes(self, prepared: list[Prepared]) -> Iterator[Outcome]:
        try:
            results = self._predict(prepared)
        except DataError as error:  # too small for the model, or too large for the memory
            if len(prepared) == 1:
                yield Outcome(prepared[0].file, error=error)
                return
            for one in prepared:  # an error names the images of its batch
                yield from self._outcomes([one])
            return
        for one, result in zip(prepared, results, strict=True):
            yield Outcome(one.file, one.original, result)

    @torch.inference_mode()
    def _predict(self, prepared: list[Prepared]) -> list[Result]:
        """Returns one result per image; all images pad to one size."""
        if not prepared:
            return []
        sizes = [one.sizes for one in prepared]
        images = stack_padded([one.image for one in prepared], sizes[0].padded).to(self.device)
        with autocast(self.device, self.precision):
            prediction = call_model(self.model, images, sizes, [one.file for one in prepared])
        with enough_memory(sizes, [one.file for one in prepared]):
            return list(self.postprocessor(prediction, sizes))


def _defaults(config: Config, task: str) -> dict[str, float]:
    """Returns settings of the postprocessor that hold in prediction where the config sets none."""
    own = next((part for part in config.experiment.postprocessors if part["type"] == task), {})
    return {"score_threshold": INSTANCE_SCORE} if task == "instance" and "score_threshold" not in own else {}


def _checked(image: Tensor) -> Tensor:
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3 or image.numel() == 0:
        raise DataError(
            f"a tensor of shape {tuple(image.shape)} and type {image.dtype} is no image. Give a uint8 tensor of "
            "shape (3, H, W) in RGB order."
        )
    return image
