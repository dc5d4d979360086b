"""Polygons drawn as run lengths, with memory and time that vertices far outside the image do not raise.

pycocotools walks along the whole outline in steps of a fifth of a pixel and keeps every step. One vertex at 5.9e6 costs
it 0.96 GB, one at 3.5e8 ends the process, and beyond 4e8 its 32-bit numbers overflow. So outlines are clipped first.

Clipping uses a box around the image, `_margin` pixels away from it:

1. Each edge is cut where it crosses the lines x = left, x = right, y = top and y = bottom of the box. Each part then
   lies on one side of each of these lines.
2. Each vertex outside the box moves to the nearest point of the box.

The parts inside the box stay. The parts outside end up on its border. On their way they do not cross the box, which is
convex, so the outline still winds around each pixel of the image as often as before. It may run along the border
several times; all of that lies outside the image.

Polygons that lie in the box are not changed, so their masks equal those of pycocotools bit by bit. Edges of others may
move by a rounding step, a fifth of a pixel, because pycocotools rounds their vertices at another place.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from segkit.ops.run_length import Rle

Points = npt.NDArray[np.float64]
"""(…, 2): x and y in pixels."""

Polygon = npt.NDArray[np.float64]
"""(2 P,): x1, y1, x2, y2, … of P vertices, in pixels. The last one is joined to the first."""


def draw_polygons(polygons: Sequence[Polygon], size: tuple[int, int]) -> Rle:
    """Draws the union of polygons as run lengths of a mask of `size` (height, width).

    Args:
        polygons: At least one, each of at least three vertices. Vertices may be any finite numbers.
        size: Height and width of the mask.

    Example:
        >>> from segkit.ops.run_length import decode_masks
        >>> far = np.array([1, 0, 1e300, 0, 1e300, 1, 1, 1])
        >>> decode_masks([draw_polygons([far], (2, 4))], (2, 4)).int().tolist()
        [[[0, 1, 1, 1], [0, 0, 0, 0]]]
    """
    drawn = [clip_polygon(polygon, size).tolist() for polygon in polygons]
    merged: Rle = coco_mask.merge(coco_mask.frPyObjects(drawn, *size))
    return merged


def clip_polygon(polygon: Polygon, size: tuple[int, int]) -> Polygon:
    """Moves the parts of an outline that lie far outside the image closer to it, as described above.

    Returns:
        (2 P',): the same polygon where it lies in the box; otherwise one that covers the same pixels of the image.

    Example:
        >>> clip_polygon(np.array([0.0, 0, 1e9, 0, 0, 2]), (2, 2)).tolist()
        [0.0, 0.0, 4.0, 0.0, 4.0, 1.999999992, 0.0, 2.0]
    """
    height, width = size
    margin = _margin(size)
    points = polygon.reshape(-1, 2)  # (P, 2)
    lower = np.array([-margin, -margin], dtype=np.float64)
    upper = np.array([width + margin, height + margin], dtype=np.float64)
    if (points >= lower).all() and (points <= upper).all():
        return polygon
    moved = _cut(points, np.roll(points, -1, axis=0), lower, upper).clip(lower, upper)  # (5 P, 2)
    repeated = (moved == np.roll(moved, 1, axis=0)).all(1)
    # pycocotools needs three vertices. An outline with fewer encloses nothing.
    kept = moved[~repeated] if (~repeated).sum() >= 3 else moved[:3]
    clipped: Polygon = kept.ravel()
    return clipped


def _cut(starts: Points, ends: Points, lower: Points, upper: Points) -> Points:
    """Cuts edges (P, 2) where they cross the four lines of the box from `lower` to `upper`, (2,) each.

    Returns:
        (5 P, 2): the start of each edge and its crossings in their order. The start stands in for missing crossings.
    """
    # Crossings are fractions of the way from the end closer to the image. Counted from a vertex at 1e17, the fractions
    # near 1 would be too coarse.
    swapped = (np.abs(starts).max(1) > np.abs(ends).max(1))[:, None]  # (P, 1)
    near, far = np.where(swapped, ends, starts), np.where(swapped, starts, ends)
    # Divided by 4, differences of coordinates near the largest float do not overflow. An edge along a line has no
    # crossing: 0 / 0.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        steps = far / 4 - near / 4
        fractions = np.concatenate([(line / 4 - near / 4) / steps for line in (lower, upper)], axis=1)  # (P, 4)
    crossed = (fractions > 0) & (fractions < 1)
    fractions = np.where(crossed, fractions, swapped)  # the start
    cuts = near[:, None] * (1 - fractions[..., None]) + far[:, None] * fractions[..., None]  # (P, 4, 2)
    # Rounding must not move a crossing off its line: fraction 0.5 of an edge from -1e300 to 1e300 may be anywhere.
    for place, (line, axis) in enumerate([(lower, 0), (lower, 1), (upper, 0), (upper, 1)]):
        cuts[:, place, axis] = np.where(crossed[:, place], line[axis], cuts[:, place, axis])
    order = np.argsort(np.where(swapped, -fractions, fractions), axis=1, kind="stable")
    in_order = np.take_along_axis(cuts, order[..., None], axis=1)
    return np.concatenate([starts[:, None], in_order], axis=1).reshape(-1, 2)


def _margin(size: tuple[int, int]) -> int:
    """Returns how far outside the image outlines may run: as far as the image is long.

    An edge then costs at most three times what one across the image costs.
    """
    return max(size)
