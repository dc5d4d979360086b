"""Colors that tell instances apart: all differ as long as there are colors, neighbors most."""

import colorsys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segkit.classes import Color
from segkit.results.regions import Box, Region

CLEARLY_OTHER = 250.0
"""Distance from which two colors are clearly different, by `_distances`; black and white are 765 apart."""

EQUAL = 30.0
"""What the difference of equal colors counts: with the largest gap still less than CLEARLY_OTHER."""


class Colored(NamedTuple):
    """A region that has its color."""

    color: Color
    box: Box


def color_apart(regions: Sequence[Region], given: dict[int, Color] | None = None) -> None:
    """Gives instances colors that differ from those of their neighbors.

    Args:
        regions: Those of one drawing.
        given: The colors of some, by index.

    Example:
        >>> masks = np.eye(2, dtype=bool)
        >>> cars = [Region(mask[None], 0, (200, 0, 0), is_instance=True) for mask in masks]
        >>> color_apart(cars)
        >>> cars[0].color, cars[1].color
        ((200, 0, 0), (54, 217, 217))
    """
    given = given or {}
    for index, color in given.items():
        regions[index].color = color
    done = [
        Colored(region.color, region.box)
        for index, region in enumerate(regions)
        if region.box is not None and (index in given or not region.is_instance)
    ]
    # The largest are seen first, and get the color of their class if they can.
    for index in sorted(range(len(regions)), key=lambda index: -regions[index].area):
        region = regions[index]
        if region.is_instance and index not in given and region.box is not None:
            region.color = apart(region.color, region.box, done)
            done.append(Colored(region.color, region.box))


def apart(usual: Color, box: Box, others: Sequence[Colored]) -> Color:
    """Returns a color for the region of `box`: `usual` where no other region near it looks alike, else the best other.

    Args:
        usual: The color of the region's class.
        box: Where the region is.
        others: The regions that have their colors.

    Example:
        >>> apart((200, 0, 0), (0, 0, 4, 4), [])
        (200, 0, 0)
        >>> apart((200, 0, 0), (0, 0, 4, 4), [Colored((200, 0, 0), (0, 4, 4, 8))])
        (54, 217, 217)
    """
    if not others:
        return usual
    candidates: list[Color] = [usual, *PALETTE]
    distances = _distances(np.array(candidates), np.array([other.color for other in others]))  # (candidates, others)
    side = max(box[2] - box[0], box[3] - box[1])
    gaps = np.array([_gap(box, other.box) for other in others]) / side
    # A gap as wide as the region makes colors count as twice as different, up to four times. Equal ones get a little
    # too: where there are more instances than colors, those of one color lie far from each other.
    nearest = ((distances + EQUAL) * (1 + gaps.clip(max=3))).min(1)
    return usual if nearest[0] >= CLEARLY_OTHER else candidates[int(nearest.argmax())]


def _palette() -> list[Color]:
    """Returns strong colors of 24 hues, each middling, light and dark."""
    colors = []
    for lightness in (0.53, 0.72, 0.34):
        for hue in range(24):
            red, green, blue = colorsys.hls_to_rgb(hue / 24, lightness, 0.68)
            colors.append((round(red * 255), round(green * 255), round(blue * 255)))
    return colors


PALETTE = _palette()
"""The colors of instances that cannot have that of their class."""


def _distances(colors: NDArray[np.int_], others: NDArray[np.int_]) -> NDArray[np.float64]:
    """Returns how different colors look, (N, M) for (N, 3) and (M, 3) RGB.

    The eye sees a difference of green best; how well it sees red and blue depends on the amount of red.
    """
    red = (colors[:, None, 0] + others[None, :, 0]) / 2 / 256
    difference = (colors[:, None] - others[None]).astype(np.float64) ** 2
    weights = np.stack([2 + red, np.full_like(red, 4.0), 3 - red], -1)
    distances: NDArray[np.float64] = np.sqrt((weights * difference).sum(-1))
    return distances


def _gap(one: Box, other: Box) -> int:
    """Returns the pixels between two boxes, along the axis where they are farther from each other; 0 if they touch."""
    return max(0, one[0] - other[2], other[0] - one[2], one[1] - other[3], other[1] - one[3])
