"""Masks of instances as datasets hold them: outlines or run lengths, which take little memory, drawn when needed."""

from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask

from segkit.ops.polygons import draw_polygons
from segkit.ops.run_length import Rle
from segkit.types import Size


class InvalidSegmentationError(ValueError):
    """A segmentation is no mask. The text says why."""


@dataclass(frozen=True, slots=True)
class Polygons:
    """The outlines of one instance; the mask is their union."""

    outlines: list[list[float]]
    """Each x1, y1, x2, y2, … of at least three points. At least one."""
    left_out: int
    """Number of polygons of fewer than three points, which enclose nothing."""

    def draw(self, size: Size) -> Rle:
        """Returns the mask."""
        return draw_polygons([np.array(outline, dtype=np.float64) for outline in self.outlines], size)


@dataclass(frozen=True, slots=True)
class RunLengths:
    """Run lengths that fill the image exactly."""

    counts: list[int] | str
    """Runs in column-major order, or the same compressed."""
    pixels: int
    """Number of pixels of the mask."""

    def draw(self, size: Size) -> Rle:
        """Returns the mask."""
        if isinstance(self.counts, str):
            return {"size": list(size), "counts": self.counts}
        packed: Rle = coco_mask.frPyObjects({"size": list(size), "counts": self.counts}, *size)
        return packed


@dataclass(frozen=True, slots=True)
class Fractions:
    """The outlines of one instance in fractions of the image; the mask is their union."""

    outlines: list[list[float]]
    """Each x1, y1, x2, y2, … of at least three points, in 0..1. At least one."""

    def draw(self, size: Size) -> Rle:
        """Returns the mask."""
        height, width = size
        scale = np.array([width, height], dtype=np.float64)
        return draw_polygons([(np.reshape(outline, (-1, 2)) * scale).ravel() for outline in self.outlines], size)


Segmentation = Polygons | RunLengths | Fractions


def encloses_nothing(outline: list[float]) -> bool:
    """Returns whether an outline x1, y1, x2, y2, … has no area, by the shoelace formula.

    Example:
        >>> encloses_nothing([0, 0, 2, 2, 4, 4]), encloses_nothing([0, 0, 2, 0, 2, 2])
        (True, False)
    """
    xs, ys = outline[0::2], outline[1::2]
    return sum(xs[place - 1] * ys[place] - xs[place] * ys[place - 1] for place in range(len(xs))) == 0
