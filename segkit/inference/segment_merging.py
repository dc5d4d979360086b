"""Segments of overlapping windows, put together to segments of the image.

The rule: two segments of different windows are one if they have the same class and share at least half of the smaller
one's pixels, counted where both windows look. The pair that shares most is joined first, and a window gives at most one
segment to each object: so objects side by side stay apart where a window sees only a bit of both. Segments of a class
that is not counted (stuff) are one. The score is the mean of the parts' scores, weighted by their pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segkit.types import InstanceResult, PanopticResult

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels of the image, the last two exclusive."""

SHARED = 0.5
"""Smallest fraction of the smaller segment's pixels that two windows share."""


@dataclass
class Fragment:
    """A segment as one window sees it."""

    label: int
    score: float
    box: Box
    mask: NDArray[np.bool_]
    """(h,w), of the box."""

    def within(self, area: Box) -> NDArray[np.bool_]:
        """Returns the mask of the part of the box that lies in an area; it may be empty."""
        top, left, bottom, right = _common(self.box, area)
        rows = slice(top - self.box[0], max(top, bottom) - self.box[0])
        return self.mask[rows, left - self.box[1] : max(left, right) - self.box[1]]


def fragments_of(result: InstanceResult | PanopticResult, top: int = 0, left: int = 0) -> list[Fragment]:
    """Returns the segments of a window whose corner is at (top, left) of the image.

    Example:
        >>> import torch
        >>> result = InstanceResult(torch.tensor([2]), torch.tensor([0.5]), torch.ones(1, 3, 4, dtype=torch.bool))
        >>> [(fragment.label, fragment.box) for fragment in fragments_of(result, top=10)]
        [(2, (10, 0, 13, 4))]
    """
    fragments = []
    if isinstance(result, PanopticResult):
        ids = result.segment_map.cpu().numpy()
        places = ndimage.find_objects(ids)
        for one in result.segments:
            rows, columns = places[one.id - 1]
            fragments.append((one.label, one.score, rows, columns, ids[rows, columns] == one.id))
    else:
        boxes, masks = result.boxes.tolist(), result.masks.cpu().numpy()
        for label, score, box, mask in zip(result.labels.tolist(), result.scores.tolist(), boxes, masks, strict=True):
            rows, columns = slice(box[1], box[3]), slice(box[0], box[2])
            fragments.append((label, score, rows, columns, mask[rows, columns].copy()))
    return [
        Fragment(label, score, (top + rows.start, left + columns.start, top + rows.stop, left + columns.stop), mask)
        for label, score, rows, columns, mask in fragments
    ]


class SegmentMerger:
    """Finds which fragments belong together, window by window. Only windows that can still meet another are kept.

    Args:
        fused: Per class, whether all its fragments are one segment.

    Example:
        >>> def car(left, right):
        ...     return Fragment(0, 0.9, (0, left, 4, right), np.ones((4, right - left), bool))
        >>> merger = SegmentMerger(fused=[False])
        >>> merger.add((0, 0, 4, 8), [car(1, 3), car(5, 8)])
        >>> merger.add((0, 6, 4, 14), [car(6, 9)])
        >>> merger.groups()
        [0, 1, 1]
    """

    def __init__(self, fused: Sequence[bool]) -> None:
        self._fused = fused
        self._parents: list[int] = []
        self._windows: list[set[int]] = []  # of all fragments of a root
        self._of_label: dict[int, int] = {}
        self._seen: list[tuple[Box, int, list[Fragment]]] = []
        self._count = 0

    def add(self, window: Box, fragments: Sequence[Fragment]) -> None:
        """Adds the fragments of a window. Windows come row by row from the top, and in a row from the left."""
        first = len(self._parents)
        self._parents += range(first, first + len(fragments))
        self._windows += ({self._count} for _ in fragments)
        self._seen = [one for one in self._seen if one[0][2] > window[0]]
        pairs = []
        for other, start, theirs in self._seen:
            shared = _common(window, other)
            for number, fragment in enumerate(fragments):
                if not self._fused[fragment.label]:
                    pairs += [
                        (pixels, start + place, first + number) for place, pixels in _matches(fragment, theirs, shared)
                    ]
        for _, ours, theirs_number in sorted(pairs, key=lambda pair: -pair[0]):
            self._join(ours, theirs_number)
        for number, fragment in enumerate(fragments, start=first):
            if self._fused[fragment.label]:
                self._parents[number] = self._of_label.setdefault(fragment.label, number)
        self._seen.append((window, first, list(fragments)))
        self._count += 1

    def groups(self) -> list[int]:
        """Returns, for each fragment in the order in which they came, the number of its segment, from 0."""
        numbers: dict[int, int] = {}
        return [numbers.setdefault(self._root(fragment), len(numbers)) for fragment in range(len(self._parents))]

    def _root(self, fragment: int) -> int:
        while self._parents[fragment] != fragment:
            self._parents[fragment] = self._parents[self._parents[fragment]]
            fragment = self._parents[fragment]
        return fragment

    def _join(self, one: int, other: int) -> None:
        one, other = self._root(one), self._root(other)
        if self._windows[one] & self._windows[other]:  # the same one, or two objects of one window
            return
        self._parents[other] = one
        self._windows[one] |= self._windows[other]


def _matches(fragment: Fragment, others: Sequence[Fragment], shared: Box) -> list[tuple[int, int]]:
    """Returns the others that are the same object, by their place, with the pixels that they share."""
    area = np.count_nonzero(fragment.within(shared))
    found = []
    for place, other in enumerate(others if area else []):
        common = _common(_common(fragment.box, other.box), shared)
        if other.label != fragment.label or common[0] >= common[2] or common[1] >= common[3]:
            continue
        pixels = int(np.count_nonzero(fragment.within(common) & other.within(common)))
        if pixels and pixels >= SHARED * min(area, np.count_nonzero(other.within(shared))):
            found.append((place, pixels))
    return found


def _common(one: Box, other: Box) -> Box:
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])
