"""Which regions of a prediction are those of its target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from segkit.results.regions import Region


class RegionMatch(NamedTuple):
    """A region of a prediction and the region of the target that it overlaps most."""

    prediction: int
    target: int
    """Indices in the two lists."""
    iou: float
    """Above 0.5."""


def match_regions(predictions: Sequence[Region], targets: Sequence[Region]) -> list[RegionMatch]:
    """Returns the pairs of one class whose intersection is more than half of their union, each region at most once.

    Example:
        >>> mask = np.ones((2, 4), dtype=bool)
        >>> smaller = mask.copy()
        >>> smaller[0, 0] = False
        >>> car, person = Region(mask, 0, (200, 0, 0)), Region(mask, 1, (0, 200, 0))
        >>> match_regions([person, car], [Region(smaller, 0, (200, 0, 0))])
        [RegionMatch(prediction=1, target=0, iou=0.875)]
    """
    pairs = [
        RegionMatch(prediction, target, iou)
        for target, theirs in enumerate(targets)
        for prediction, ours in enumerate(predictions)
        if ours.label == theirs.label and (iou := _iou(ours, theirs)) > 0.5
    ]
    # Masks of instances may overlap, so that several predictions match: the best one does.
    matches: list[RegionMatch] = []
    for pair in sorted(pairs, key=lambda pair: -pair.iou):
        if all(pair.prediction != one.prediction and pair.target != one.target for one in matches):
            matches.append(pair)
    return matches


def _iou(one: Region, other: Region) -> float:
    if one.box is None or other.box is None:
        return 0.0
    # Only where both boxes are: most pairs have nothing in common.
    rows = slice(max(one.box[0], other.box[0]), min(one.box[2], other.box[2]))
    columns = slice(max(one.box[1], other.box[1]), min(one.box[3], other.box[3]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return 0.0
    common = int(np.count_nonzero(one.mask[rows, columns] & other.mask[rows, columns]))
    return common / (one.area + other.area - common)
