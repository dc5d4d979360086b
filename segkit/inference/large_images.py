"""Semantic segmentation of large image files: each window is read when the model needs it.

Neither the image nor its class maps are ever held as a whole, only the rows that a row of windows covers, and the
label map with one byte per pixel.
"""

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import Tensor

from segkit.data.image_rows import ImageRows
from segkit.data.padding import padded_size, stack_padded
from segkit.inference.sliding_window import SlidingWindow
from segkit.registries import Postprocessor
from segkit.types import ImageSizes, PixelPrediction, Prediction, SemanticResult, Size

LARGE = 1 << 24
"""Pixels of an image that is read in windows, where the model predicts in windows."""

Predict = Callable[[Tensor, ImageSizes], Prediction | PixelPrediction]
"""Predicts a window (1,C,H,W)."""


def label_map_in_windows(
    image: ImageRows, model: SlidingWindow, predict: Predict, postprocessor: Postprocessor, num_classes: int
) -> Tensor:
    """Returns the class index (H,W) of each pixel, as small integers on the CPU.

    Args:
        image: The rows of the file.
        model: Tells the windows.
        predict: Predicts one of them with the model within `model`.
        postprocessor: Of semantic results.
        num_classes: Decides the type of the result: uint8 or larger.

    Raises:
        DataError: The file cannot be read.
    """
    label_map = torch.empty(image.size, dtype=_smallest_type(num_classes))
    for top, labels in _labels(_class_maps(image, model, predict), image.size, model.size_divisor, postprocessor):
        label_map[top : top + len(labels)] = labels
    return label_map


def _class_maps(image: ImageRows, model: SlidingWindow, predict: Predict) -> Iterator[tuple[slice, Tensor]]:
    """Yields the class maps (1,K,r,w) of rows from top to bottom."""
    height = image.size[0]
    band = torch.empty(0)

    def predict_window(rows: slice, columns: slice) -> Prediction | PixelPrediction:
        nonlocal band
        if columns.start == 0:  # windows of the same rows come one after the other
            band = image.read(rows.start, min(rows.stop, height))
        window = band[:, :, columns]
        padded = rows.stop - rows.start, columns.stop - columns.start
        unpadded = int(window.shape[1]), int(window.shape[2])
        return predict(stack_padded([window], padded), ImageSizes(padded, unpadded, unpadded))

    return model.mean_rows(padded_size([image.size], model.size_divisor), predict_window)


def _labels(
    maps: Iterator[tuple[slice, Tensor]], size: Size, divisor: int, postprocessor: Postprocessor
) -> Iterator[tuple[int, Tensor]]:
    """Yields labels (r,W) of rows of the image with the first row, from top to bottom.

    Class maps are resized to the image, where neighboring rows mix. So each part gets one more row above and below.
    """
    height, width = size
    padded_height, padded_width = padded_size([size], divisor)
    held, first, begun = torch.empty(0), 0, 0
    for rows, part in maps:
        held = torch.cat([held, part], 2) if held.numel() else part
        stride = padded_width // held.shape[-1]
        is_last = rows.stop * stride == padded_height
        ready = rows.stop if is_last else rows.stop - 1
        start, stop = begun * stride, min(ready * stride, height)
        if stop <= start:
            continue
        top = first * stride
        room = held.shape[2] * stride, padded_width
        unpadded = min(room[0], height - top), width
        result = postprocessor(PixelPrediction(held), [ImageSizes(room, unpadded, unpadded)])[0]
        yield start, cast(SemanticResult, result).label_map[start - top : stop - top].cpu()
        held, first, begun = held[:, :, ready - 1 - first :], ready - 1, ready


def _smallest_type(num_classes: int) -> torch.dtype:
    return next(kind for kind in (torch.uint8, torch.int16, torch.int32) if torch.iinfo(kind).max >= num_classes)
