"""Where the caption of a region has room: inside what is seen of it, in its largest part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segkit.results.regions import Region

Mask = NDArray[np.bool_]
"""(h,w)."""

_SCALES = (6, 4, 3, 2, 1.5, 1)
"""Of the caption: it stands where a rectangle so many times as large lies in the region, of the largest that does."""


class Room(NamedTuple):
    """Where a rectangle covers most of a mask."""

    row: int
    column: int
    """Its center."""
    covered: float
    """The fraction of the rectangle, in [0, 1], that the mask has."""


def seen_parts(regions: Sequence[Region], spacing: int) -> list[Mask]:
    """Returns the largest connected part of what is seen of each region, of every `spacing`-th row and column.

    Args:
        regions: At least one, of the same size. Later ones cover earlier ones.
        spacing: In pixels.

    Example:
        >>> mask = np.array([[1, 0, 1, 1]], dtype=bool)
        >>> seen_parts([Region(mask, 0, (200, 0, 0)), Region(np.eye(1, 4, dtype=bool), 0, (0, 0, 0))], 1)[0].tolist()
        [[False, False, True, True]]
    """
    start = spacing // 2
    grids = [region.mask[start::spacing, start::spacing] for region in regions]
    covered = np.zeros_like(grids[0])
    parts = []
    for grid in reversed(grids):
        parts.append(largest_part(grid & ~covered))
        covered |= grid
    return parts[::-1]


def largest_part(mask: Mask) -> Mask:
    """Returns the connected part of a mask that has the most pixels."""
    # Pixels that touch at a corner are connected: thin lines are not broken by the spacing.
    numbers, count = ndimage.label(mask, structure=np.ones((3, 3), dtype=np.bool_))
    if count < 2:
        return mask
    largest: Mask = numbers == 1 + int(np.bincount(numbers.ravel())[1:].argmax())
    return largest


def roomiest(mask: Mask, height: int, width: int) -> Room | None:
    """Returns where a rectangle has the most room in a mask; None if it has no pixel or is smaller than the rectangle.

    The center is always a pixel of the mask.

    Args:
        mask: One part.
        height: Of the rectangle.
        width: Of the rectangle.

    Example:
        >>> mask = np.zeros((5, 9), dtype=bool)
        >>> mask[:, :3] = True
        >>> roomiest(mask, 1, 3), roomiest(mask, 1, 4)
        (Room(row=2, column=1, covered=1.0), Room(row=2, column=2, covered=0.75))
    """
    sums = np.pad(mask.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    for scale in _SCALES:
        h, w = round(scale * height), round(scale * width)
        if h > mask.shape[0] or w > mask.shape[1]:
            continue
        covered = (sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]) / (h * w)
        covered *= mask[h // 2 :, w // 2 :][: covered.shape[0], : covered.shape[1]]
        most = float(covered.max())
        if most == 1 or (scale == 1 and most > 0):
            places = np.argwhere(covered == most)
            # In the middle of all places, which is itself none where they surround something.
            row, column = places[((places - places.mean(0)) ** 2).sum(1).argmin()].tolist()
            return Room(row + h // 2, column + w // 2, most)
    return None
