"""The input layer of every model: from pixels to normalized images."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segkit.errors import DataError
from segkit.types import Size

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class PixelNormalization(nn.Module):
    """Converts uint8 RGB to zero mean and unit deviation, and sets padding to zero.

    Args:
        mean: Of the red, green and blue values, in 0..255.
        std: Standard deviations of the same.

    Example:
        >>> normalize = PixelNormalization(IMAGENET_MEAN, IMAGENET_STD)
        >>> images = torch.full((1, 3, 4, 4), 255, dtype=torch.uint8)
        >>> normalized = normalize(images, sizes=[(4, 2)])  # the right half is padding
        >>> [round(value, 2) for value in normalized[0, 0, 0].tolist()]
        [2.25, 2.25, 0.0, 0.0]
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> Tensor:
        """Normalizes a padded batch.

        Args:
            images: (B,3,H,W) uint8 RGB.
            sizes: The unpadded size of each image, its top left region; None = no padding.

        Returns:
            (B,3,H,W) float32, channels last in memory.

        Raises:
            DataError: the images are not uint8.
        """
        if images.dtype != torch.uint8:
            # Float images are often scaled to 0..1 or normalized already, which would give wrong results silently.
            raise DataError(
                f"images: the model takes uint8 RGB values from 0 to 255, not {images.dtype}. "
                "Pass the pixels as they are stored; the model normalizes them itself."
            )
        # The whole model keeps this memory format, in which convolutions are fastest, most of all in half precision.
        normalized = (images.contiguous(memory_format=torch.channels_last) - self.mean) / self.std
        # Set after the normalization: padding is the mean color, not black.
        for image, (height, width) in zip(normalized, sizes or [], strict=False):
            image[:, height:] = 0
            image[:, :, width:] = 0
        return normalized
