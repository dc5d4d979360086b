"""Images in rows and columns, each with a caption."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from segkit.results.drawing import INK, PAPER, font

LARGEST = 640
"""Most pixels of an image's longer side. Larger ones are reduced."""

_TEXT, _GAP = 16, 12
"""Pixels of the captions' font, and between images."""


def image_grid(images: Sequence[Image.Image], captions: Sequence[str]) -> Image.Image:
    """Puts images into a grid that is about as wide as high, row by row.

    Args:
        images: At least one.
        captions: One line above each image. The beginning of a line that is too long is cut off.

    Example:
        >>> image_grid([Image.new("RGB", (200, 100))] * 5, ["a.png", "b.png", "c.png", "d.png", "e.png"]).size
        (660, 312)
    """
    images = [reduced(image) for image in images]
    columns = math.ceil(math.sqrt(len(images)))
    width = max(image.width for image in images)
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    top = 2 * _TEXT
    heights = [top + max(image.height for image in row) + _GAP for row in rows]
    canvas = Image.new("RGB", (columns * (width + _GAP) + _GAP * 2, sum(heights) + 2 * _GAP), PAPER)
    draw, text_font = ImageDraw.Draw(canvas), font(_TEXT)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(index, columns)
        x, y = 2 * _GAP + column * (width + _GAP), _GAP + sum(heights[:row])
        text = caption
        while len(text) > 1 and draw.textlength(text, font=text_font) > width:
            text = "…" + text.removeprefix("…")[1:]
        draw.text((x, y + _TEXT), text, fill=INK, font=text_font, anchor="lm")
        canvas.paste(image, (x, y + top))
    return canvas


def reduced(image: Image.Image, longest: int = LARGEST) -> Image.Image:
    """Returns an image whose longer side has at most `longest` pixels."""
    factor = longest / max(image.size)
    if factor >= 1:
        return image
    return image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))))
