"""Results drawn over images: colored regions with outlines, class names and a legend."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from segkit.classes import Classes
from segkit.results.drawing import INK, PAPER, enlarged, enlargement, font
from segkit.results.legend import with_legend
from segkit.results.regions import Region, regions_of
from segkit.types import Result

Pixels = NDArray[np.uint8]
"""(H,W,3) RGB."""
Box = tuple[float, float, float, float]
"""(left, top, right, bottom)."""


def overlay(
    image: Tensor, result: Result, classes: Classes, *, opacity: float = 0.5, legend: bool = True
) -> Image.Image:
    """Draws a result over its image.

    With a legend, small images are enlarged, regions with enough room carry their class's name, and the legend lists
    what is present, largest first, with the number of segments and their scores. It stands below the image, or beside
    an upright one. Without a legend, the overlay is exactly as large as the image.

    Args:
        image: (3,H,W) uint8 RGB.
        result: Of the same size.
        classes: Of the result.
        opacity: Of the colors, in [0, 1].
        legend: Whether names and legend are drawn.

    Example:
        >>> import torch
        >>> from segkit.types import SemanticResult
        >>> image = torch.full((3, 2, 2), 100, dtype=torch.uint8)
        >>> classes = Classes.make(["sky"], colors=[(0, 0, 200)])
        >>> drawn = overlay(image, SemanticResult(torch.zeros(2, 2, dtype=torch.int64)), classes, legend=False)
        >>> drawn.size, drawn.getpixel((0, 0))
        ((2, 2), (50, 50, 150))
    """
    regions = regions_of(result, classes)
    if not legend:
        return Image.fromarray(_painted(image.permute(1, 2, 0).cpu().numpy(), regions, opacity))
    factor = enlargement(image.shape[-1], image.shape[-2])
    for region in regions:
        # Whole pixels are repeated, so a mask stays exact, unlike the smoothly enlarged image.
        region.mask = region.mask.repeat(factor, 0).repeat(factor, 1)
    drawn = Image.fromarray(_painted(np.asarray(enlarged(image)), regions, opacity))
    _write_names(drawn, regions, classes)
    return with_legend(drawn, regions, classes)


def _painted(pixels: Pixels, regions: list[Region], opacity: float) -> Pixels:
    """Returns `pixels` with every region blended in and outlined."""
    painted = pixels.astype(np.float32)
    # One pixel per 400 of the shorter side, so that outlines look alike at any size.
    width = max(1, round(min(pixels.shape[:2]) / 400))
    for region in regions:
        color = np.array(region.color, dtype=np.float32)
        painted[region.mask] = (1 - opacity) * painted[region.mask] + opacity * color
    # All outlines come after all regions, so that no region covers another's outline.
    for region in regions:
        outline = region.mask & ~_eroded(region.mask, width)
        # 60 % color and 40 % white: visible beside the blended inside and on dark images.
        painted[outline] = np.array(region.color, dtype=np.float32) * 0.6 + 0.4 * 255
    return painted.round().astype(np.uint8)


def _eroded(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Returns `mask` without the pixels within `width` of its outside; the border of the image is no outside."""
    for _ in range(width):
        inner = mask.copy()
        inner[1:] &= mask[:-1]
        inner[:-1] &= mask[1:]
        inner[:, 1:] &= mask[:, :-1]
        inner[:, :-1] &= mask[:, 1:]
        mask = inner
    return mask


def _write_names(image: Image.Image, regions: list[Region], classes: Classes) -> None:
    """Writes class names into their regions where they fit and overlap no name of a larger region."""
    draw = ImageDraw.Draw(image)
    text_font = font(max(11, round(min(image.size) / 30)))
    taken: list[Box] = []
    # Large regions first: their names are the most useful, and have room.
    for region in sorted(regions, key=lambda region: -region.area):
        name = classes.names[region.label]
        extent = draw.textbbox((0, 0), name, font=text_font, anchor="mm")
        center = _center(region.mask, extent, image.size)
        if center is None:
            continue
        x, y = center
        box = (x + extent[0], y + extent[1], x + extent[2], y + extent[3])
        if any(_overlap(box, other) for other in taken):
            continue
        taken.append(box)
        draw.text(center, name, fill=PAPER, font=text_font, anchor="mm", stroke_width=2, stroke_fill=INK)


def _center(mask: NDArray[np.bool_], extent: Box, size: tuple[int, int]) -> tuple[float, float] | None:
    """Returns where in `mask` the center of a text stands, None where the mask has no room for it.

    `extent` is the box of the text around its center, `size` the image's (width, height).
    """
    left, top, right, bottom = extent
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    # A region needs the text's width, and half a line to spare in height.
    if len(rows) == 0 or right - left > columns[-1] - columns[0] or (bottom - top) * 1.5 > len(rows):
        return None
    # The middle pixel, counted row by row, lies inside the region; its center of gravity may not.
    row = int(np.searchsorted(mask.sum(1).cumsum(), mask.sum() / 2))
    inside = np.flatnonzero(mask[row])
    # Near a border, the text moves inwards until 2 pixels of margin are left for its stroke.
    x = min(max(float(inside[len(inside) // 2]), 2 - left), size[0] - 2 - right)
    y = min(max(row, 2 - top), size[1] - 2 - bottom)
    return x, y


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
