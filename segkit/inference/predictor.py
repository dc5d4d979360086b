"""From an image to its result: a checkpoint ready for use."""

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TypeVar, overload

import torch
from torch import Tensor

from segkit.build import build_postprocessor, build_transforms
from segkit.checkpoint import load_checkpoint
from segkit.config.arguments import check_arguments
from segkit.data.image_source import ImageSource, ImageValues, to_image
from segkit.data.padding import padded_size, stack_padded
from segkit.data.pixel_files import pixel_rows, size_in_pixels
from segkit.data.transformed import transformed
from segkit.errors import ConfigError, DataError
from segkit.inference.augmentation import Augmented
from segkit.inference.large_images import LARGE
from segkit.inference.outcomes import LargeFile, Outcome, Prepared
from segkit.inference.semantic_options import with_options
from segkit.inference.sliding_window import SlidingWindow
from segkit.inference.thresholds import given, prediction_settings
from segkit.inference.window_predictor import WindowPredictor
from segkit.registries import Postprocessor
from segkit.registries.signature import Fraction, Positive
from segkit.results.drawing import LARGEST
from segkit.results.overlay import overlay
from segkit.runtime.background import in_background
from segkit.runtime.devices import choose_device
from segkit.runtime.model_call import call_model, enough_memory
from segkit.runtime.precision import Precision, autocast
from segkit.types import ImageSizes, Result, ResultSource, Sample, SemanticResult
from segkit.types.pixels import pixel_format_of

Source = TypeVar("Source", bound=ImageSource)
"""Any of the forms of an image."""


class Predictor:
    """Segments images with the model of a checkpoint.

    Images go through the transforms that the checkpoint's config evaluates with. Results have the image's own size, and
    know their image: `result.plot()` draws them, and notebooks show the drawing.

    Args:
        checkpoint: Folder of a checkpoint or of a run.
        task: Name of a postprocessor, by default the first of the config. One that the config lacks runs with its
            default settings.
        device: For example `cpu` or `cuda:1`; by default the GPU where there is one.
        precision: Number format of the model.
        score_threshold: Replaces this setting of the postprocessor, for the instance and panoptic tasks. By default the
            config's own; for instances 0.5 if the config sets none.
        window: Side, in pixels, of the overlapping windows that large images are split into. Class maps are averaged
            (`segkit.inference.sliding_window`), segments merged (`segkit.inference.segment_merging`). By default the
            model sees each image whole.
        augment: Average the predictions of six sizes of the image and of their mirror images (see
            `segkit.inference.augmentation`; semantic task only). This takes about 23 times as long.
        max_pixels: Files with more pixels are refused. By default the limit is that of the environment variable
            SEGKIT_MAX_PIXELS, or else Pillow's. Reading an image as a whole takes about 7 bytes a pixel. With `window`,
            and if the config evaluates without transforms, a file of more than 16 million pixels is read in windows:
            its result is a label map of one byte a pixel (uint8, up to 255 classes), a segment map, or a
            `LargeInstanceResult`, and its drawings are reduced.
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
        >>> result = predictor(torch.zeros(3, 48, 64, dtype=torch.uint8), score_threshold=1.0)
        >>> result
        PanopticResult(48 x 64: 0 segments)
        >>> result.plot(legend=False).size
        (64, 48)
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
        self.classes, self.config, self.pixel_format = loaded.classes, loaded.config, pixel_format_of(loaded.model)
        self.task = task or next((part["type"] for part in self.config.experiment.postprocessors), "semantic")
        # One mechanism for all tasks: the postprocessor's own setting is replaced, its results are not filtered again.
        self._settings = prediction_settings(self.config, self.task) | given(score_threshold=score_threshold)
        self.postprocessor = self._postprocessor({})
        self._is_semantic = self.postprocessor.result_type is SemanticResult
        self.model = with_options(loaded.model, {self.task: self.postprocessor}, window, augment)
        self._windows: WindowPredictor | None = None
        if window is not None:
            windows = SlidingWindow(loaded.model, window)
            self._windows = WindowPredictor(windows, self.classes, self.device, precision)
        data = self.config.experiment.data
        self._transforms = build_transforms(data.val.transforms if data is not None and data.val is not None else [])

    def _postprocessor(self, settings: dict[str, float]) -> Postprocessor:
        return build_postprocessor(self.config, self.classes, self.task, self._settings | settings)

    @overload
    def __call__(
        self, image: Source, *, score_threshold: float | None = None, overlap_threshold: float | None = None
    ) -> Result: ...

    @overload
    def __call__(
        self,
        image: list[Source] | tuple[Source, ...],
        *,
        score_threshold: float | None = None,
        overlap_threshold: float | None = None,
    ) -> list[Result]: ...

    def __call__(
        self,
        image: ImageSource | list[Source] | tuple[Source, ...],
        *,
        score_threshold: float | None = None,
        overlap_threshold: float | None = None,
    ) -> Result | list[Result]:
        """Returns the result of one image, or the results of several, one after the other.

        Args:
            image: A path, a PIL image, a uint8 array (H,W,3) or tensor (3,H,W) in RGB order, an array or tensor (H,W)
                of gray values, or a list of these. Where the model takes other channels: an array (H,W,C) or (C,H,W).
            score_threshold: Replaces this setting of the postprocessor for this call; instance and panoptic tasks only.
            overlap_threshold: Likewise; panoptic task only.

        Raises:
            DataError: It is none of these, a file cannot be read, or an image is too small for the model.
            ConfigError: The model does not support the task, or the task has no such threshold.
        """
        settings = given(score_threshold=score_threshold, overlap_threshold=overlap_threshold)
        postprocessor = self._postprocessor(settings) if settings else self.postprocessor
        if not isinstance(image, list | tuple):
            return self._result(image, "image", postprocessor)
        results = []
        for number, one in enumerate(image, start=1):
            try:
                results.append(self._result(one, f"image {number}", postprocessor))
            except DataError as error:
                raise DataError(f"image {number} of {len(image)}: {error}") from error
        return results

    def _result(self, image: ImageSource, name: str, postprocessor: Postprocessor) -> Result:
        file = str(image) if isinstance(image, str | Path) else name
        if self._is_large(image):
            return self._predict_large(file, postprocessor)
        return self._predict([self.prepare(to_image(image, self.max_pixels, self.pixel_format), file)], postprocessor)[
            0
        ]

    def predict_many(self, files: Iterable[ImageSource], batch_size: int = 1) -> Iterator[Outcome]:
        """Yields an outcome for each file, in order. Files are read while the model computes.

        For a file that cannot be read or is too small, the outcome holds the error, and the others are processed.

        Args:
            files: Paths of images, or images in another form that a call takes.
            batch_size: Most images that go through the model together. Only consecutive images that pad to the same
                size do, so that none is padded more than alone.

        Raises:
            ConfigError: `batch_size` is not a positive integer, or `files` a single image.
        """
        check_arguments(batch_size=(batch_size, Positive))
        if isinstance(files, str | Path):  # the characters of a text would be taken as files
            raise ConfigError(f"files: {str(files)!r} is a single path. Pass a list: [{str(files)!r}].")
        if isinstance(files, ImageValues):  # the rows of an array would be taken as images
            raise ConfigError("files: this is a single image. Pass a list: [image].")
        return self._predict_many(files, batch_size)

    def _predict_many(self, files: Iterable[ImageSource], batch_size: int) -> Iterator[Outcome]:
        waiting: list[Prepared] = []
        for read in in_background(self._read, enumerate(files, start=1)):
            # A batch ends when it is full, before an image that does not fit beside its own, before a large one and
            # before an error, so that outcomes keep the order of the files.
            if isinstance(read, Prepared):
                if not read.fits_beside(waiting):
                    yield from self._outcomes(waiting)
                    waiting = []
                waiting.append(read)
                if len(waiting) < batch_size:
                    continue
            yield from self._outcomes(waiting)
            waiting = []
            if isinstance(read, Outcome):
                yield read
            elif isinstance(read, LargeFile):
                yield self._outcome_of_large(read.file)
        yield from self._outcomes(waiting)

    def prepare(self, image: Tensor, file: str = "image") -> Prepared:
        """Returns an image (C,H,W) as the model takes it; `file` names it in results and errors."""
        sample = Sample(image, None, file, file)
        output = sample.size  # the result has the size that the image has before the transforms
        sample = transformed(sample, self._transforms)
        padded = padded_size([sample.size], self.model.size_divisor)
        return Prepared(file, image, sample.image, ImageSizes(padded, sample.content or sample.size, output))

    def _read(self, numbered: tuple[int, ImageSource]) -> Prepared | LargeFile | Outcome:
        number, image = numbered
        file = str(image) if isinstance(image, str | Path) else f"image {number}"
        try:
            if self._is_large(image):
                return LargeFile(file)
            return self.prepare(to_image(image, self.max_pixels, self.pixel_format), file)
        except DataError as error:
            return Outcome(file, error=error)

    def _outcomes(self, prepared: list[Prepared]) -> Iterator[Outcome]:
        try:
            results = self._predict(prepared, self.postprocessor)
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
    def _predict(self, prepared: list[Prepared], postprocessor: Postprocessor) -> list[Result]:
        """Returns one result per image; all images pad to one size."""
        if not prepared:
            return []
        if self._windows is not None and not self._is_semantic:
            results: list[Result] = [
                self._windows.segments(one.image, one.sizes, one.file, postprocessor) for one in prepared
            ]
        else:
            sizes = [one.sizes for one in prepared]
            images = stack_padded([one.image for one in prepared], sizes[0].padded).to(self.device)
            with autocast(self.device, self.precision):
                prediction = call_model(self.model, images, sizes, [one.file for one in prepared])
            with enough_memory(sizes, [one.file for one in prepared]):
                results = list(postprocessor(prediction, sizes))
        for one, result in zip(prepared, results, strict=True):
            result.source = ResultSource(one.original, self.classes, overlay)
        return results

    def _is_large(self, image: ImageSource) -> bool:
        """Returns whether a file is read in windows. Transforms and augmentation need the image as a whole."""
        if self._transforms or self._windows is None or isinstance(self.model, Augmented):
            return False
        if not isinstance(image, str | Path):
            return False
        return size_in_pixels(image, self.pixel_format, self.max_pixels) >= LARGE

    def _outcome_of_large(self, file: str) -> Outcome:
        try:
            result = self._predict_large(file, self.postprocessor)
        except DataError as error:
            return Outcome(file, error=error)
        assert result.source is not None, "it has just been set"
        return Outcome(file, result.source.image, result)

    @torch.inference_mode()
    def _predict_large(self, file: str, postprocessor: Postprocessor) -> Result:
        assert self._windows is not None, "only then is an image large"
        image = pixel_rows(file, self.pixel_format, self.max_pixels)
        result = self._windows.large(image, file, postprocessor)
        result.source = ResultSource(image.reduced(LARGEST), self.classes, overlay)
        return result
