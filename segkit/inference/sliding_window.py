"""Semantic segmentation of images larger than a model was trained for, window by window."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from segkit.errors import ConfigError
from segkit.models._base import SegmentationModel
from segkit.types import PixelPrediction, Prediction, Size

OVERLAP = 0.25
"""Smallest fraction of a window that the next one repeats, so that objects at its border are seen whole by one."""


class SlidingWindow(SegmentationModel):
    """A semantic model applied to overlapping square windows; its predictions are averaged per class and pixel.

    Memory is bounded by the window, and objects keep the size they had in training. Segments cannot be averaged:
    `segkit.inference.segment_windows` merges them.

    Args:
        model: Predicts each window.
        side: Of the windows in pixels, a multiple of the model's `size_divisor`; usually the size of training's crops.

    Raises:
        ConfigError: `side` is no such multiple.

    Example:
        >>> class Brightness(SegmentationModel):
        ...     size_divisor = 4
        ...     def forward(self, images, sizes=None):
        ...         return PixelPrediction(images[:, :2, ::4, ::4].float())
        >>> model = SlidingWindow(Brightness(), side=8)
        >>> model(torch.zeros(1, 3, 16, 20, dtype=torch.uint8)).pixel_logits.shape
        torch.Size([1, 2, 4, 5])
    """

    def __init__(self, model: SegmentationModel, side: int) -> None:
        super().__init__()
        self.model = model
        self.side = side
        if side < self.size_divisor or side % self.size_divisor:
            raise ConfigError(f"window: must be a multiple of {self.size_divisor} pixels for this model, not {side}.")

    @property
    def size_divisor(self) -> int:
        """The model's own."""
        return self.model.size_divisor

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> PixelPrediction:
        """Images (B,C,H,W), H and W multiples of `size_divisor` -> class maps (B,K,h,w), the mean of all windows."""
        height, width = int(images.shape[-2]), int(images.shape[-1])
        mean = images.new_empty(0)

        def predict(rows: slice, columns: slice) -> Prediction | PixelPrediction:
            return self.model(images[..., rows, columns], _sizes_within(sizes, rows, columns))

        for rows, maps in self.mean_rows((height, width), predict):
            if mean.numel() == 0:  # the first rows tell the number of classes and the stride of the maps
                mean = maps.new_empty(*maps.shape[:2], height * maps.shape[-1] // width, maps.shape[-1])
            mean[..., rows, :] = maps
        return PixelPrediction(mean)

    def mean_rows(
        self, size: Size, predict: Callable[[slice, slice], Prediction | PixelPrediction]
    ) -> Iterator[tuple[slice, Tensor]]:
        """Yields the mean of all windows, rows by rows from top to bottom: those that no later window changes.

        Args:
            size: Height and width of the padded image, multiples of `size_divisor`.
            predict: Predicts the window of these rows and columns of pixels.

        Yields:
            The rows of the class maps, and these (B,K,r,w).
        """
        height, width = size
        spans = self.spans(height)
        carried: tuple[Tensor, Tensor] | None = None
        for rows, end in zip(spans, [*(span.start for span in spans[1:]), height], strict=True):
            total = count = torch.empty(0)
            stride = 1
            for columns in self.spans(width):
                maps = class_maps(predict(rows, columns))
                if total.numel() == 0:
                    stride = (columns.stop - columns.start) // maps.shape[-1]
                    total = maps.new_zeros(*maps.shape[:3], width // stride)
                    count = maps.new_zeros(maps.shape[2], width // stride)
                    if carried is not None:
                        for room, sums in zip((total, count), carried, strict=True):
                            room[..., : sums.shape[-2], :] = sums
                place = (..., _divided(columns, stride))
                total[place] += maps
                count[place] += 1
            done = (end - rows.start) // stride
            carried = total[..., done:, :], count[done:]
            yield slice(rows.start // stride, end // stride), total[..., :done, :].div_(count[:done])

    def spans(self, length: int) -> list[slice]:
        """Returns the windows that cover `length` pixels. They begin at multiples of the divisor, the last one too."""
        if length <= self.side:
            return [slice(0, length)]
        step = max(1, int(self.side * (1 - OVERLAP)) // self.size_divisor) * self.size_divisor
        starts = [*range(0, length - self.side, step), length - self.side]
        return [slice(start, start + self.side) for start in starts]


def class_maps(prediction: Prediction | PixelPrediction) -> Tensor:
    """Returns what is averaged (B,K,h,w): the logits of a per-pixel model, the sums over queries of any other.

    Example:
        >>> class_maps(Prediction(torch.zeros(1, 5, 4), dense_mask_logits=torch.zeros(1, 5, 8, 8))).shape
        torch.Size([1, 3, 8, 8])
    """
    if isinstance(prediction, PixelPrediction):
        return prediction.pixel_logits.float()
    class_probs = prediction.class_logits.float().softmax(-1)[..., :-1]
    return torch.einsum("bqk,bqhw->bkhw", class_probs, prediction.mask_logits.float().sigmoid())


def _sizes_within(sizes: Sequence[Size] | None, rows: slice, columns: slice) -> list[Size] | None:
    """Returns, per image, the size of its unpadded part within a window."""
    if sizes is None:
        return None
    return [(_length_within(height, rows), _length_within(width, columns)) for height, width in sizes]


def _length_within(length: int, span: slice) -> int:
    return max(0, min(length, int(span.stop)) - int(span.start))


def _divided(span: slice, stride: int) -> slice:
    return slice(span.start // stride, span.stop // stride)
