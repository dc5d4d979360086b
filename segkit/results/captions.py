"""Names and scores written at the regions of an overlay."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from segkit.classes import Classes
from segkit.results.caption_places import Mask, roomiest, seen_parts
from segkit.results.drawing import INK, PAPER, font
from segkit.results.regions import Region

Rectangle = tuple[float, float, float, float]
"""(left, top, right, bottom)."""

MOSTLY_INSIDE = 0.75
"""The fraction of a text of stuff that must lie on it, as nothing else tells what the text belongs to."""


def write_names(image: Image.Image, regions: Sequence[Region], classes: Classes) -> None:
    """Writes the class of each region into it, with the number and the score if it has them.

    A text stands in the largest part of what is seen of its region. One that does not fit there is left out for stuff
    and classes of pixels. That of an instance becomes smaller, or stands beside the part. No text covers another: the
    larger regions come first, and what finds no place is in the legend.

    Args:
        image: Is drawn on.
        regions: Of the same size. Later ones cover earlier ones.
        classes: Of the regions.
    """
    if not regions:
        return
    draw = ImageDraw.Draw(image)
    taken: list[Rectangle] = []
    spacing = max(1, _usual_size(image.size) // 6)
    parts = seen_parts(regions, spacing)
    for region, part in sorted(zip(regions, parts, strict=True), key=lambda pair: -pair[0].area):
        text = " ".join([classes.names[region.label], *_details(region)])
        for centers_of, size in _tries(image.size, region):
            text_font = font(size)
            extent = draw.textbbox((0, 0), text, font=text_font, anchor="mm")
            centers = centers_of(region, Part(part, spacing), extent)
            places = (_at(_moved_inwards(center, extent, image.size), extent) for center in centers)
            free = next((place for place in places if not any(_overlap(place, other) for other in taken)), None)
            if free is not None:
                taken.append(free)
                center = (free[0] - extent[0], free[1] - extent[1])
                draw.text(center, text, fill=PAPER, font=text_font, anchor="mm", stroke_width=2, stroke_fill=INK)
                break


class Part(NamedTuple):
    """The part of a region in which its text stands."""

    mask: Mask
    """Every `spacing`-th row and column; empty where the part is too small to have one of them."""
    spacing: int

    def pixel(self, row: float, column: float) -> tuple[float, float]:
        """Returns the (x, y) of a row and a column."""
        start = self.spacing // 2
        return start + column * self.spacing, start + row * self.spacing

    def box(self) -> Rectangle | None:
        """Returns the box around it."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        if len(rows) == 0:
            return None
        left, top = self.pixel(rows[0] - 0.5, columns[0] - 0.5)
        right, bottom = self.pixel(rows[-1] + 0.5, columns[-1] + 0.5)
        return left, top, right, bottom


Centers = Callable[[Region, Part, Rectangle], Iterator[tuple[float, float]]]
"""Gives the places where the center (x, y) of a text may stand."""


def _details(region: Region) -> Iterator[str]:
    """Yields what is written behind the class."""
    if region.number is not None:
        yield f"#{region.number}"
    if region.score is not None:
        yield f"{region.score:.2f}"


def _usual_size(image: tuple[int, int]) -> int:
    return max(11, round(min(image) / 30))


def _tries(image: tuple[int, int], region: Region) -> list[tuple[Centers, int]]:
    """Returns what gives the centers to try, each with the size of the text."""
    usual = _usual_size(image)
    if not region.is_instance:
        return [(_inside, usual)]
    smaller = max(10, usual * 2 // 3)
    return [(centers, size) for centers in (_inside, _beside) for size in (usual, smaller)]


def _inside(region: Region, part: Part, extent: Rectangle) -> Iterator[tuple[float, float]]:
    """Yields where the center (x, y) of a text may stand in a part.

    Args:
        region: The region.
        part: Of the region.
        extent: The box of the text around its center.
    """
    box = part.box() or _box_of(region)
    width, height = extent[2] - extent[0], extent[3] - extent[1]
    # A part needs the text's width, and half a line to spare in height.
    if box is None or width > box[2] - box[0] or height * 1.5 > box[3] - box[1]:
        return
    cells = [max(1, round(length / part.spacing)) for length in (height * 1.5, width)]
    room = roomiest(part.mask, *cells)
    if room is not None and (region.is_instance or room.covered >= MOSTLY_INSIDE):
        yield part.pixel(room.row, room.column)


def _beside(region: Region, part: Part, extent: Rectangle) -> Iterator[tuple[float, float]]:
    """Yields where the center (x, y) of a text may stand beside a part, the best place first."""
    box = part.box() or _box_of(region)
    if box is None:
        return
    left, top, right, bottom = box
    width, height = extent[2] - extent[0], extent[3] - extent[1]
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    yield middle_x, top - height
    yield middle_x, bottom + height
    yield right + width / 2 + 4, middle_y
    yield left - width / 2 - 4, middle_y


def _box_of(region: Region) -> Rectangle | None:
    if region.box is None:
        return None
    top, left, bottom, right = region.box
    return left, top, right, bottom


def _moved_inwards(center: tuple[float, float], extent: Rectangle, size: tuple[int, int]) -> tuple[float, float]:
    """Returns the center of a text that stands 2 pixels or more from the border of an image (width, height)."""
    x, y = center
    return (
        min(max(x, 2 - extent[0]), size[0] - 2 - extent[2]),
        min(max(y, 2 - extent[1]), size[1] - 2 - extent[3]),
    )


def _at(center: tuple[float, float], extent: Rectangle) -> Rectangle:
    x, y = center
    return x + extent[0], y + extent[1], x + extent[2], y + extent[3]


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
