"""Images predicted window by window, in memory or read from a large file."""

from typing import cast

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.data.image_rows import ImageRows
from segkit.inference.large_images import label_map_in_windows
from segkit.inference.segment_windows import PredictWindow, SegmentResult, Windows, segments_in_windows
from segkit.inference.sliding_window import SlidingWindow
from segkit.registries import Postprocessor
from segkit.runtime.model_call import call_model, enough_memory
from segkit.runtime.precision import Precision, autocast
from segkit.types import ImageSizes, PixelPrediction, Prediction, Result, SemanticResult


class WindowPredictor:
    """Predicts with a model that sees only windows of each image.

    Args:
        windows: Tells the windows, and has the model.
        classes: Of the model.
        device: Of the model.
        precision: Number format of the model.
    """

    def __init__(self, windows: SlidingWindow, classes: Classes, device: torch.device, precision: Precision) -> None:
        self._windows, self._classes, self._device = windows, classes, device
        self._precision: Precision = precision

    def segments(self, image: Tensor, sizes: ImageSizes, file: str, postprocessor: Postprocessor) -> SegmentResult:
        """Returns the instances or panoptic segments of an image (C,H,W) in memory, on the CPU.

        Args:
            image: With or without its padding.
            sizes: Of the image.
            file: Of the image, for messages.
            postprocessor: Gives instances or panoptic segments of each window.

        Raises:
            DataError: The memory is too small.
        """
        unpadded = image[:, :, : sizes.unpadded[1]]
        windows = self._of_segments(file, postprocessor)
        whole = Windows(lambda top, end: unpadded[:, top:end], sizes.unpadded, sizes.output, *windows)
        with enough_memory([sizes], [file]):
            return segments_in_windows(whole, postprocessor, self._classes)

    def large(self, image: ImageRows, file: str, postprocessor: Postprocessor) -> Result:
        """Returns the result of a file whose rows are read when a window needs them, on the CPU.

        Raises:
            DataError: The file cannot be read, or the memory is too small.
        """
        if postprocessor.result_type is not SemanticResult:
            whole = Windows(image.read, image.size, image.size, *self._of_segments(file, postprocessor), is_large=True)
            return segments_in_windows(whole, postprocessor, self._classes)

        def predict(window: Tensor, sizes: ImageSizes) -> Prediction | PixelPrediction:
            return self._call(window, sizes, file)

        return SemanticResult(label_map_in_windows(image, self._windows, predict, postprocessor, len(self._classes)))

    def _of_segments(self, file: str, postprocessor: Postprocessor) -> tuple[SlidingWindow, PredictWindow]:
        def predict(window: Tensor, sizes: ImageSizes) -> SegmentResult:
            return cast(SegmentResult, postprocessor(self._call(window, sizes, file), [sizes])[0])

        return self._windows, predict

    def _call(self, window: Tensor, sizes: ImageSizes, file: str) -> Prediction | PixelPrediction:
        with autocast(self._device, self._precision):
            return call_model(self._windows.model, window.to(self._device), [sizes], [file])
