"""Semantic segmentation of images larger than a model was trained for, window by window."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from segkit.errors import ConfigError, counted
from segkit.models._base import SegmentationModel
from segkit.types import PixelPrediction, Prediction, Size

OVERLAP = 0.25
"""Smallest fraction of a window that the next one repeats, so that objects at its border are seen whole by one."""

DEVIATION = 1 / 8
"""Standard deviation of the weights within a window, as a fraction of its sides."""


class SlidingWindow(SegmentationModel):
    """A semantic model applied to overlapping square windows; its predictions are averaged per class and pixel.

    The middle of a window, where the model sees the surroundings on all sides, weighs more than its border.
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

    limits_memory = True
    """Windows take the memory, not the image."""

    def __init__(self, model: SegmentationModel, side: int) -> None:
        super().__init__()
        self.model = model
        self.side = side
        if side < self.size_divisor or side % self.size_divisor:
            raise ConfigError(
                f"window: must be a multiple of {counted(self.size_divisor, 'pixel')} for this model, not {side}."
            )

    @property
    def size_divisor(self) -> int:
        """The model's own."""
        return self.model.size_divisor

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> PixelPrediction:
        """Images (B,C,H,W), H and W multiples of `size_divisor` -> class maps (B,K,h,w), a mean of all windows."""
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
        """Yields the weighted mean of all windows, rows by rows from top to bottom: those that no later window changes.

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
            total = weights = torch.empty(0)
            stride = 1
            for columns in self.spans(width):
                maps = class_maps(predict(rows, columns))
                if total.numel() == 0:
                    stride = (columns.stop - columns.start) // maps.shape[-1]
                    total = maps.new_zeros(*maps.shape[:3], width // stride)
                    weights = maps.new_zeros(maps.shape[2], width // stride)
                    if carried is not None:
                        for room, sums in zip((total, weights), carried, strict=True):
                            room[..., : sums.shape[-2], :] = sums
                place = (..., _divided(columns, stride))
                weight = window_weights((maps.shape[2], maps.shape[3])).to(maps)
                total[place] += maps * weight
                weights[place] += weight
            done = (end - rows.start) // stride
            carried = total[..., done:, :], weights[done:]
            yield slice(rows.start // stride, end // stride), total[..., :done, :].div_(weights[:done])

    def spans(self, length: int) -> list[slice]:
        """Returns the windows that cover `length` pixels. They begin at multiples of the divisor, the last one too."""
        if length <= self.side:
            return [slice(0, length)]
        step = max(1, int(self.side * (1 - OVERLAP)) // self.size_divisor) * self.size_divisor
        starts = [*range(0, length - self.side, step), length - self.side]
        return [slice(start, start + self.side) for start in starts]


@lru_cache(maxsize=8)
def window_weights(size: Size) -> Tensor:
    """Returns the weights (h,w) of the places of a window: a Gaussian around its middle, greater than 0.

    Example:
        >>> window_weights((1, 4))[0]
        tensor([0.0111, 0.6065, 0.6065, 0.0111])
    """
    rows, columns = (
        torch.exp(-0.5 * ((torch.arange(side) + 0.5 - side / 2) / (side * DEVIATION)) ** 2) for side in size
    )
    return rows[:, None] * columns


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
