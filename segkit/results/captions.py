"""Names and scores written at the regions of an overlay."""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw

from segkit.classes import Classes
from segkit.results.drawing import INK, PAPER, font
from segkit.results.regions import Region

Rectangle = tuple[float, float, float, float]
"""(left, top, right, bottom)."""


def write_names(image: Image.Image, regions: Sequence[Region], classes: Classes) -> None:
    """Writes the class of each region into it, with the number and the score if it has them.

    A text that does not fit into its region is left out for stuff and classes of pixels. That of an instance stands
    beside it then. No text covers another: the larger regions come first, and what finds no place is in the legend.

    Args:
        image: Is drawn on.
        regions: Of the same size.
        classes: Of the regions.
    """
    draw = ImageDraw.Draw(image)
    taken: list[Rectangle] = []
    for region in sorted(regions, key=lambda region: -region.area):
        text = " ".join([classes.names[region.label], *_details(region)])
        for size in _font_sizes(image.size, region):
            text_font = font(size)
            extent = draw.textbbox((0, 0), text, font=text_font, anchor="mm")
            places = (_at(center, extent) for center in _centers(region, extent, image.size))
            free = next((place for place in places if not any(_overlap(place, other) for other in taken)), None)
            if free is not None:
                taken.append(free)
                center = (free[0] - extent[0], free[1] - extent[1])
                draw.text(center, text, fill=PAPER, font=text_font, anchor="mm", stroke_width=2, stroke_fill=INK)
                break


def _details(region: Region) -> Iterator[str]:
    """Yields what is written behind the class."""
    if region.number is not None:
        yield f"#{region.number}"
    if region.score is not None:
        yield f"{region.score:.2f}"


def _font_sizes(image: tuple[int, int], region: Region) -> list[int]:
    """Returns the sizes to try: the usual one, and for instances a smaller one."""
    usual = max(11, round(min(image) / 30))
    return [usual, max(10, usual * 2 // 3)] if region.is_instance else [usual]


def _centers(region: Region, extent: Rectangle, size: tuple[int, int]) -> Iterator[tuple[float, float]]:
    """Yields where the center of a text may stand, the best place first.

    Args:
        region: The region.
        extent: The box of the text around its center.
        size: (width, height) of the image. Near its border, a text moves inwards until 2 pixels of margin are left.
    """
    if region.box is None:
        return
    top, left, bottom, right = region.box
    width, height = extent[2] - extent[0], extent[3] - extent[1]
    places = []
    # A region needs the text's width, and half a line to spare in height.
    if width <= right - left - 1 and height * 1.5 <= bottom - top:
        # The middle pixel, counted row by row, lies inside the region; its center of gravity may not.
        row = int(np.searchsorted(region.mask.sum(1).cumsum(), region.area / 2))
        inside = np.flatnonzero(region.mask[row])
        places.append((float(inside[len(inside) // 2]), float(row)))
    if region.is_instance:
        middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
        places += [
            (middle_x, top - height),
            (middle_x, bottom + height),
            (right + width / 2 + 4, middle_y),
            (left - width / 2 - 4, middle_y),
        ]
    for x, y in places:
        yield (
            min(max(x, 2 - extent[0]), size[0] - 2 - extent[2]),
            min(max(y, 2 - extent[1]), size[1] - 2 - extent[3]),
        )


def _at(center: tuple[float, float], extent: Rectangle) -> Rectangle:
    x, y = center
    return x + extent[0], y + extent[1], x + extent[2], y + extent[3]


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
