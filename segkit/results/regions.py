"""The regions of a result that are drawn, each with its color."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segkit.classes import Classes, Color
from segkit.types import InstanceResult, PanopticResult, Result, SemanticResult

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels, the last two exclusive."""


class Swatch(NamedTuple):
    """The colors of a drawn region."""

    inside: Color
    """The mean over its pixels."""
    outline: Color


@dataclass
class Region:
    """One region to draw: a segment, or all pixels of a class."""

    mask: NDArray[np.bool_]
    """(H,W)."""
    label: int
    color: Color
    """Of the class; `color_apart` gives instances colors of their own."""
    score: float | None = None
    """In [0, 1], to be written; None for stuff, for classes of pixels and for targets."""
    is_instance: bool = False
    """Whether it is one of the objects of its class, which are told apart by color."""
    number: int | None = None
    """Of an object that is followed through a video, the same in all frames."""
    segment: int | None = None
    """The id of a segment of a panoptic result."""
    swatch: Swatch | None = None
    """How it looks on its image, once it is drawn."""

    @cached_property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.mask.sum())

    @cached_property
    def box(self) -> Box | None:
        """(top, left, bottom, right) in pixels, the last two exclusive; None without pixels."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        if len(rows) == 0:
            return None
        return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def regions_of(result: Result, classes: Classes) -> list[Region]:
    """Returns the regions in the order in which they are drawn. Later ones cover earlier ones.

    The largest comes first; but instances come from the lowest to the highest score, so that the best lies on top. All
    have the color of their class.

    Example:
        >>> import torch
        >>> label_map = torch.tensor([[0, 1, 1]])
        >>> [(region.label, region.area) for region in regions_of(SemanticResult(label_map), Classes.make(["a", "b"]))]
        [(1, 2), (0, 1)]
    """
    if isinstance(result, SemanticResult):
        label_map = result.label_map.cpu().numpy()
        regions = [
            Region(label_map == label, label, classes.colors[label])
            for label in np.unique(label_map).tolist()
            if label < len(classes)  # void stays unpainted
        ]
    elif isinstance(result, PanopticResult):
        segment_map = result.segment_map.cpu().numpy()
        regions = [
            Region(
                segment_map == one.id,
                one.label,
                classes.colors[one.label],
                _shown_score(one.score) if one.is_thing else None,
                one.is_thing,
                segment=one.id,
            )
            for one in result.segments
        ]
    else:
        rows = zip(result.masks.cpu().numpy(), result.labels.tolist(), result.scores.tolist(), strict=True)
        regions = [Region(mask, label, classes.colors[label], _shown_score(score), True) for mask, label, score in rows]
        # Results list the highest score first.
        return regions[::-1]
    return sorted(regions, key=lambda region: -region.area)


def instances_stand_out(result: Result, classes: Classes) -> bool:
    """Returns whether instances are what one looks at in a result, so that stuff and the image are drawn paler.

    It depends on what a result may hold, not on what it holds: drawings of one task look alike, also where nothing is
    found.

    Example:
        >>> import torch
        >>> nothing = PanopticResult(torch.zeros(2, 2, dtype=torch.int32), [])
        >>> cars, skies = Classes.make(["car"], things=[True]), Classes.make(["sky"], things=[False])
        >>> instances_stand_out(nothing, cars), instances_stand_out(nothing, skies)
        (True, False)
    """
    return isinstance(result, InstanceResult) or (isinstance(result, PanopticResult) and any(classes.things))


def _shown_score(score: float) -> float | None:
    """Returns the score to be written: none for exactly 1, which targets in the form of results have."""
    return None if score == 1.0 else score
