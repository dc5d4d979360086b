"""Numbers that objects keep from frame to frame of a video, and their colors.

An object goes on with the number of that object of the last frames, of the same class, whose mask overlaps its own
most. There is no motion model and no appearance. So a new number comes to what moves farther than its own length from
one frame to the next, to what was hidden for longer than `PATIENCE` frames, and to what vanishes behind something and
comes out at its other side; and where two objects of one class pass through each other, theirs may change.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from segkit.classes import Color
from segkit.results.instance_colors import color_apart
from segkit.results.regions import Box, Region

SMALLEST_OVERLAP = 0.2
"""Intersection over union of two masks from which they may be of one object."""

PATIENCE = 15
"""Frames for which an object that is not seen keeps its number and its last mask."""


@dataclass
class Track:
    """An object of the last frames."""

    number: int
    label: int
    color: Color
    box: Box
    mask: NDArray[np.bool_]
    """Within the box."""
    seen: int
    """The last frame in which it was found."""


class Tracker:
    """Numbers the instances of frame after frame, from 1, and gives each its color.

    Example:
        >>> tracker = Tracker()
        >>> for left in (0, 2, 4):
        ...     mask = np.zeros((4, 20), dtype=bool)
        ...     mask[:, left : left + 8] = True
        ...     region = Region(mask, 0, (200, 0, 0), is_instance=True)
        ...     tracker.update([region])
        ...     region.number
        1
        1
        1
    """

    def __init__(self) -> None:
        self._frame = 0
        self._last = 0
        self._tracks: list[Track] = []

    def update(self, regions: Sequence[Region]) -> None:
        """Sets `number` and `color` of the instances among the regions of the next frame."""
        self._frame += 1
        self._tracks = [track for track in self._tracks if self._frame - track.seen <= PATIENCE]
        instances = [index for index, region in enumerate(regions) if region.is_instance and region.box is not None]
        track_of = self._matched([regions[index] for index in instances])
        given = {instances[row]: track.color for row, track in track_of.items()}
        color_apart(regions, given)
        for row, index in enumerate(instances):
            self._keep(regions[index], track_of.get(row))

    def _matched(self, instances: Sequence[Region]) -> dict[int, Track]:
        """Returns the track of those instances that have one: the assignment of the largest overlaps in sum."""
        overlaps = np.array([[_overlap(one, track) for track in self._tracks] for one in instances])
        if overlaps.size == 0:
            return {}
        overlaps[overlaps < SMALLEST_OVERLAP] = 0
        rows, columns = linear_sum_assignment(overlaps, maximize=True)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return {row: self._tracks[column] for row, column in pairs if overlaps[row, column] > 0}

    def _keep(self, region: Region, track: Track | None) -> None:
        assert region.box is not None, "it has pixels"
        top, left, bottom, right = region.box
        mask = region.mask[top:bottom, left:right].copy()  # without a copy, all of the frame would stay in memory
        if track is None:
            self._last += 1
            track = Track(self._last, region.label, region.color, region.box, mask, self._frame)
            self._tracks.append(track)
        track.box, track.mask, track.seen = region.box, mask, self._frame
        region.number = track.number


def _overlap(region: Region, track: Track) -> float:
    """Returns the intersection over union of a region and the last mask of a track; 0 for other classes."""
    assert region.box is not None, "it has pixels"
    top, left = max(region.box[0], track.box[0]), max(region.box[1], track.box[1])
    bottom, right = min(region.box[2], track.box[2]), min(region.box[3], track.box[3])
    if region.label != track.label or top >= bottom or left >= right:
        return 0.0
    first_row, first_column = track.box[:2]
    other = track.mask[top - first_row : bottom - first_row, left - first_column : right - first_column]
    both = int((region.mask[top:bottom, left:right] & other).sum())
    return both / (region.area + int(track.mask.sum()) - both)
