"""Semantic segmentation of images larger than a model was trained for, window by window."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.types import PixelPrediction, Prediction, SemanticResult, Size

OVERLAP = 0.25
"""The least share of a window that it has in common with the next one."""


class SlidingWindow(nn.Module):
    """A model that sees an image through overlapping square windows and averages what it says of each pixel's class.

    In the place of a semantic model it bounds memory, and keeps objects at the size they had in training. Segments of
    single windows cannot be told to be one thing, so instances and panoptic segments are out of its reach.
    """

    def __init__(self, model: nn.Module, side: int) -> None:
        """
        Args:
            model: of segkit, built.
            side: of a window in pixels; a multiple of the model's `size_divisor`, usually the size of training's crops.

        Raises ConfigError for another side.
        """
        super().__init__()
        self.model = model
        self.size_divisor = int(model.size_divisor)  # type: ignore[arg-type]
        self.side = side
        if side < self.size_divisor or side % self.size_divisor:
            raise ConfigError(f"window: must be a multiple of {self.size_divisor} pixels for this model, not {side}.")

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> PixelPrediction:
        """(B,3,H,W) uint8 RGB, H and W multiples of `size_divisor` -> the mean scores of all windows (B,K,h,w)."""
        height, width = int(images.shape[-2]), int(images.shape[-1])
        total = count = images.new_empty(0)
        for rows, columns in self._windows(height, width):
            window = images[..., rows, columns]
            scores = class_scores(self.model(window, _inside(sizes, rows, columns)))
            stride = window.shape[-1] // scores.shape[-1]
            if total.numel() == 0:
                total = scores.new_zeros(*scores.shape[:2], height // stride, width // stride)
                count = scores.new_zeros(height // stride, width // stride)
            place = (..., _shrunk(rows, stride), _shrunk(columns, stride))
            total[place] += scores
            count[place] += 1
        return PixelPrediction(total.div_(count))

    def _windows(self, height: int, width: int) -> Iterator[tuple[slice, slice]]:
        for rows in self._spans(height):
            for columns in self._spans(width):
                yield rows, columns

    def _spans(self, length: int) -> list[slice]:
        """Windows over `length` pixels, at multiples of the divisor."""
        if length <= self.side:
            return [slice(0, length)]
        step = max(1, int(self.side * (1 - OVERLAP)) // self.size_divisor) * self.size_divisor
        starts = [*range(0, length - self.side, step), length - self.side]
        return [slice(start, start + self.side) for start in starts]


def refuse_segments(postprocessors: Mapping[str, Any]) -> None:
    """Raises ConfigError where one of `postprocessors`, by name, makes more than a class per pixel."""
    for name, postprocessor in postprocessors.items():
        if postprocessor.result_type is not SemanticResult:
            raise ConfigError(
                f"window: '{name}' cannot be put together from windows, since an object may lie in several. Leave the "
                "window out, or 'semantic' alone in."
            )


def class_scores(prediction: Any) -> Tensor:
    """(B,K,h,w): what a prediction says of each pixel's class; of queries, as semantic inference sums them."""
    if isinstance(prediction, PixelPrediction):
        return prediction.pixel_logits.float()
    assert isinstance(prediction, Prediction), "models give one of the two"
    class_probs = prediction.class_logits.float().softmax(-1)[..., :-1]
    return torch.einsum("bqk,bqhw->bkhw", class_probs, prediction.mask_logits.float().sigmoid())


def _inside(sizes: Sequence[Size] | None, rows: slice, columns: slice) -> list[Size] | None:
    """What of the window is image, per image."""
    if sizes is None:
        return None
    return [(_part(height, rows), _part(width, columns)) for height, width in sizes]


def _part(length: int, window: slice) -> int:
    return max(0, min(length, int(window.stop)) - int(window.start))


def _shrunk(window: slice, stride: int) -> slice:
    return slice(window.start // stride, window.stop // stride)
