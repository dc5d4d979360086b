"""What overlays, legends and comparisons have in common: colors, text and enlargement."""

from PIL import Image, ImageFont
from torch import Tensor

from segkit.classes import Color

READABLE = 384
"""The length in pixels that the longer side of an image needs for text on it. Smaller images are enlarged."""
PAPER: Color = (255, 255, 255)
"""The background."""
INK: Color = (20, 20, 20)
"""Text and outlines."""


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns Pillow's own font, which needs no file; `size` is in pixels."""
    return ImageFont.load_default(size)


def enlarged(image: Tensor) -> Image.Image:
    """Returns (3,H,W) uint8 RGB as an image whose longer side has at least READABLE pixels."""
    drawn = Image.fromarray(image.permute(1, 2, 0).cpu().numpy())
    factor = enlargement(drawn.width, drawn.height)
    return drawn.resize((drawn.width * factor, drawn.height * factor), Image.Resampling.BICUBIC)


def enlargement(width: int, height: int) -> int:
    """Returns the factor of `enlarged`, a whole number so that masks can be enlarged exactly alike.

    Example:
        >>> enlargement(100, 80), enlargement(640, 480)
        (4, 1)
    """
    # Rounded up, at least 1.
    return -(-READABLE // max(width, height))
