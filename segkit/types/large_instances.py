"""Instances of a large image, each held as the part of its mask that has pixels."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.types.results import InstanceResult, ResultSource
from segkit.types.sizes import Size


class MaskCrop(NamedTuple):
    """A mask within its box, one bit a pixel."""

    top: int
    left: int
    height: int
    width: int
    bits: NDArray[np.uint8]
    """Of the rows, one after the other, as `numpy.packbits` packs them."""

    @classmethod
    def of(cls, mask: NDArray[np.bool_], top: int, left: int) -> "MaskCrop":
        """Returns the crop of a mask (h,w) whose corner is at (top, left) of the image."""
        return cls(top, left, mask.shape[0], mask.shape[1], np.packbits(mask))

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(h,w), of the box."""
        bits = np.unpackbits(self.bits, count=self.height * self.width)
        return bits.reshape(self.height, self.width).astype(np.bool_)


class LargeInstanceResult(InstanceResult):
    """Instances of an image that is too large for a mask of the whole image for each.

    `masks` makes these all the same, N x H x W bytes of them: `mask(number)` makes one.

    Args:
        labels: (N,) int64, class index 0..K-1.
        scores: (N,) in [0, 1], in descending order.
        crops: Of the N masks.
        size: Height and width of the image.
        source: The image, reduced.

    Example:
        >>> crop = MaskCrop.of(np.ones((2, 3), dtype=bool), top=1, left=5)
        >>> result = LargeInstanceResult(torch.tensor([0]), torch.tensor([0.5]), [crop], (4, 9))
        >>> result
        LargeInstanceResult(4 x 9: 1 instance)
        >>> result.boxes, int(result.mask(0).sum())
        (tensor([[5, 1, 8, 3]]), 6)
    """

    def __init__(
        self, labels: Tensor, scores: Tensor, crops: list[MaskCrop], size: Size, source: ResultSource | None = None
    ) -> None:
        self.labels, self.scores, self.crops, self.source = labels, scores, crops, source
        self._size = size

    @property
    def size(self) -> Size:
        return self._size

    @property
    def masks(self) -> Tensor:  # type: ignore[override]  # a field of the base, which holds what this one makes
        """(N, H, W) bool."""
        masks = torch.zeros(len(self.crops), *self._size, dtype=torch.bool)
        for room, number in zip(masks, range(len(self.crops)), strict=True):
            room.copy_(self.mask(number))
        return masks

    def mask(self, number: int) -> Tensor:
        """Returns the mask (H, W) bool of one instance."""
        mask, crop = torch.zeros(self._size, dtype=torch.bool), self.crops[number]
        mask[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width] = torch.from_numpy(crop.mask)
        return mask

    @property
    def boxes(self) -> Tensor:
        boxes = [(one.left, one.top, one.left + one.width, one.top + one.height) for one in self.crops]
        return torch.tensor(boxes, dtype=torch.int64).reshape(-1, 4)
