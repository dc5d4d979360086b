"""The regions of a result that are drawn, each with its color."""

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segkit.classes import Classes, Color
from segkit.types import PanopticResult, Result, SemanticResult


@dataclass
class Region:
    """One region to draw: a segment, or all pixels of a class."""

    mask: NDArray[np.bool_]
    """(H,W)."""
    label: int
    color: Color
    score: float | None
    """In [0, 1], to be written into the legend; None for stuff, for classes of pixels and for targets."""

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.mask.sum())


def regions_of(result: Result, classes: Classes) -> list[Region]:
    """Returns the regions in the order in which they are drawn. Later ones cover earlier ones.

    The largest comes first; but instances come from the lowest to the highest score, so that the best lies on top.
    Segments of one thing class get shades of the class's color.

    Example:
        >>> import torch
        >>> label_map = torch.tensor([[0, 1, 1]])
        >>> [(region.label, region.area) for region in regions_of(SemanticResult(label_map), Classes.make(["a", "b"]))]
        [(1, 2), (0, 1)]
    """
    if isinstance(result, SemanticResult):
        label_map = result.label_map.cpu().numpy()
        regions = [
            Region(label_map == label, label, classes.colors[label], None)
            for label in np.unique(label_map).tolist()
            if label < len(classes)  # void stays unpainted
        ]
    elif isinstance(result, PanopticResult):
        segment_map = result.segment_map.cpu().numpy()
        colors = _shades([segment.label for segment in result.segments], classes)
        regions = [
            Region(segment_map == one.id, one.label, color, _shown_score(one.score) if one.is_thing else None)
            for one, color in zip(result.segments, colors, strict=True)
        ]
    else:
        labels = result.labels.tolist()
        rows = zip(result.masks.cpu().numpy(), labels, _shades(labels, classes), result.scores.tolist(), strict=True)
        regions = [Region(mask, label, color, _shown_score(score)) for mask, label, color, score in rows]
        # Results list the highest score first.
        return regions[::-1]
    return sorted(regions, key=lambda region: -region.area)


def _shown_score(score: float) -> float | None:
    """Returns the score to be written: none for exactly 1, which targets in the form of results have."""
    return None if score == 1.0 else score


def _shades(labels: list[int], classes: Classes) -> list[Color]:
    """Returns a color per segment: its class's, varied from the second segment of a class on."""
    counts: dict[int, int] = {}
    colors = []
    for label in labels:
        number = counts.get(label, 0)
        counts[label] = number + 1
        colors.append(_shade(classes.colors[label], number))
    return colors


def _shade(color: Color, number: int) -> Color:
    """Returns variant `number` of a color; 0 is the color itself.

    Variants are neighbors in hue, up to three steps to either side in turn. Lightness advances by a fraction that
    repeats late, so that dozens of segments stay distinct.
    """
    if number == 0:
        return color
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in color))
    # A step of 0.02 (7 degrees) keeps a shade recognizable as its class.
    hue += (-1) ** number * 0.02 * (1 + (number - 1) // 2 % 3)
    # Between a quarter and three quarters: black and white have no hue.
    lightness = 0.25 + 0.5 * ((lightness + number * 0.37) % 1.0)
    # Gray classes get some saturation too, since otherwise a change of hue would not show.
    red, green, blue = colorsys.hls_to_rgb(hue % 1.0, lightness, max(saturation, 0.35))
    return round(red * 255), round(green * 255), round(blue * 255)
