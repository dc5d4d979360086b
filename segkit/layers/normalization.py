"""Pixels to network input."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segkit.types import Size

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class PixelNormalization(nn.Module):
    """uint8 RGB to zero mean and unit deviation, padding to zero; channels last in memory.

    All that follows keeps this order, in which convolutions are quickest, more so in low precision.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """mean, std: of the red, green and blue values, on the scale 0..255."""
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> Tensor:
        """(B,3,H,W) uint8 -> (B,3,H,W) float32; beyond the size of an image (its top left part) all is zero."""
        normalized = (images.contiguous(memory_format=torch.channels_last) - self.mean) / self.std
        for image, (height, width) in zip(normalized, sizes or [], strict=False):
            image[:, height:] = 0
            image[:, :, width:] = 0
        return normalized
