"""What overlays, legends and comparisons have in common: colors, text and size."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFont
from torch import Tensor

from segkit.classes import Color
from segkit.results.displayed import displayed

Value = TypeVar("Value", bound=np.generic)

READABLE = 384
"""The length in pixels that the longer side of an image needs for text on it. Smaller images are enlarged."""
LARGEST = 1600
"""The most pixels that the longer side of a drawn image has. Larger images are reduced."""
PAPER: Color = (255, 255, 255)
"""The background."""
INK: Color = (20, 20, 20)
"""Text and outlines."""


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns Pillow's own font, which needs no file; `size` is in pixels."""
    return ImageFont.load_default(size)


def fitted(image: Tensor, largest: int = LARGEST) -> Image.Image:
    """Returns (C,H,W) as an image to look at, whose longer side has at least READABLE and at most `largest` pixels.

    Example:
        >>> import torch
        >>> fitted(torch.zeros(3, 80, 100, dtype=torch.uint8)).size
        (400, 320)
    """
    drawn = Image.fromarray(displayed(image).permute(1, 2, 0).cpu().numpy())
    return drawn.resize(fitted_size(drawn.width, drawn.height, largest), Image.Resampling.BICUBIC)


def fitted_size(width: int, height: int, largest: int = LARGEST) -> tuple[int, int]:
    """Returns the (width, height) of `fitted`. Small images are enlarged by a whole number.

    Example:
        >>> fitted_size(100, 80), fitted_size(640, 480), fitted_size(8000, 2000)
        ((400, 320), (640, 480), (1600, 400))
    """
    longer = max(width, height)
    if longer > largest:
        return max(1, round(width * largest / longer)), max(1, round(height * largest / longer))
    factor = -(-READABLE // longer)  # rounded up, at least 1
    return width * factor, height * factor


def fitted_mask(mask: NDArray[Value], size: tuple[int, int]) -> NDArray[Value]:
    """Returns a mask or a label map (H,W) at the (width, height) of `fitted`: nearest pixels, not mixed ones."""
    width, height = size
    rows = (np.arange(height) + 0.5) * mask.shape[0] // height
    columns = (np.arange(width) + 0.5) * mask.shape[1] // width
    resized: NDArray[Value] = mask[rows.astype(np.int64)][:, columns.astype(np.int64)]
    return resized
