"""What the pixels of images are: channels and type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

PixelType: TypeAlias = Literal["uint8", "uint16"]


@dataclass(frozen=True)
class PixelFormat:
    """Channels and type of the pixels of images, as datasets publish them and models take them.

    The default is RGB of 8 bits.

    Example:
        >>> PixelFormat().is_rgb, str(PixelFormat(5, "uint16"))
        (True, '5 channels of uint16')
    """

    channels: int = 3
    type: PixelType = "uint8"

    @property
    def is_rgb(self) -> bool:
        """Whether the pixels are RGB of 8 bits."""
        return self == RGB

    @property
    def dtype(self) -> torch.dtype:
        """The type of tensors."""
        return torch.uint8 if self.type == "uint8" else torch.uint16

    def fits(self, images: Tensor) -> bool:
        """Tells whether the pixels of (..., C, H, W) are of this format."""
        return images.ndim >= 3 and images.shape[-3] == self.channels and images.dtype == self.dtype

    def __str__(self) -> str:
        return f"{self.channels} channel{'' if self.channels == 1 else 's'} of {self.type}"


RGB = PixelFormat()
"""RGB of 8 bits."""


def pixels_of(image: Tensor) -> PixelFormat:
    """Returns the pixel format of an image (C,H,W), uint8 or uint16.

    Example:
        >>> str(pixels_of(torch.zeros(5, 4, 6, dtype=torch.uint16)))
        '5 channels of uint16'
    """
    return PixelFormat(len(image), "uint8" if image.dtype == torch.uint8 else "uint16")


def pixel_format_of(part: object) -> PixelFormat:
    """Returns the pixel format that a dataset or model publishes; without one it is RGB of 8 bits.

    Example:
        >>> pixel_format_of(None).channels
        3
    """
    found = getattr(part, "pixel_format", None)
    return found if isinstance(found, PixelFormat) else RGB
