"""Signs that the annotations of a COCO instance file mean something else than they say.

Such files load without an error elsewhere, and a training learns from wrong masks.
"""

import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from segkit.data.json_values import Id, JsonEntry, Problems
from segkit.datasets._coco_masks import RunLengths, Segmentation
from segkit.ops.run_length import rle_areas
from segkit.types import Size

_FACTOR = 10
"""Areas and masks that differ by more than this are not two ways to count the same pixels."""

_FEW_PIXELS = 64
"""Masks and areas of fewer pixels may differ by any factor: outlines are rounded to pixels."""

_FRACTIONS = (-0.1, 1.1)
"""Coordinates of fractions of an image, with some room for outlines that reach beyond it."""


def areas_disagree(area: float, pixels: int) -> bool:
    """Returns whether an annotation's area cannot be that of its mask.

    Example:
        >>> areas_disagree(480, 1), areas_disagree(480, 300), areas_disagree(0.5, 20)
        (True, False, False)
    """
    small, large = sorted((area, float(pixels)))
    return large >= _FEW_PIXELS and large > _FACTOR * small


@dataclass
class _Findings:
    """Annotations with the same finding."""

    count: int = 0
    first: str = ""

    def add(self, place: str) -> None:
        self.count += 1
        self.first = self.first or place


@dataclass
class Plausibility:
    """Looks at the masks of a file one by one, then warns of what it found, one line for each kind.

    Polygons in fractions of the image are an error: they would become one pixel each.
    """

    file: Path
    problems: Problems
    _short: _Findings = field(default_factory=_Findings)
    _outside: _Findings = field(default_factory=_Findings)
    _areas: _Findings = field(default_factory=_Findings)
    _repeated: _Findings = field(default_factory=_Findings)
    _ids: set[Id] = field(default_factory=set)
    _polygons: int = 0
    _small: list[JsonEntry] = field(default_factory=list)
    """Entries whose polygons lie in 0..1, though nothing else in them says that these are fractions."""

    def add_id(self, entry: JsonEntry, id: Id | None) -> None:
        """Notes the id of an annotation."""
        if id is not None and id in self._ids:
            self._repeated.add(entry.place)
        elif id is not None:
            self._ids.add(id)

    def add_mask(self, entry: JsonEntry, segmentation: Segmentation, size: Size, area: float) -> None:
        """Looks at one mask. `area` is NaN where the annotation has none."""
        if isinstance(segmentation, RunLengths):
            if areas_disagree(area, segmentation.pixels):
                self._areas.add(_areas_text(entry, area, segmentation.pixels))
            return
        self._polygons += 1
        if segmentation.left_out:
            self._short.add(entry.place)
        xs = [x for outline in segmentation.outlines for x in outline[0::2]]
        ys = [y for outline in segmentation.outlines for y in outline[1::2]]
        left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
        if min(left, top) >= _FRACTIONS[0] and max(right, bottom) <= _FRACTIONS[1] and min(size) > 2:
            self._add_small(entry, area, any(number != int(number) for number in xs + ys))
            return
        height, width = size
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            self._outside.add(entry.place)
            return
        # The mask is not larger than its box, so that most areas need no mask to be plausible.
        box = (min(right, width) - max(left, 0)) * (min(bottom, height) - max(top, 0))
        if areas_disagree(area, math.ceil(box)):
            pixels = rle_areas([segmentation.draw(size)])[0]
            if areas_disagree(area, pixels):
                self._areas.add(_areas_text(entry, area, pixels))

    def _add_small(self, entry: JsonEntry, area: float, is_fractional: bool) -> None:
        if area > _FACTOR or (math.isnan(area) and is_fractional):
            _fractions_problem(entry)
        elif is_fractional:
            self._small.append(entry)

    def finish(self) -> None:
        """Adds the problems of polygons in fractions. Warns of everything else, if there are no problems."""
        # One tiny polygon in the corner is possible, but not most of a file.
        if len(self._small) > self._polygons / 2:
            for entry in self._small:
                _fractions_problem(entry)
        if self.problems.count:
            return
        for found, text in (
            (self._short, "polygons of fewer than three points are left out"),
            (self._outside, "the polygons lie outside the image, so that the mask is empty"),
            (
                self._areas,
                f"'area' and mask differ by a factor of more than {_FACTOR}. Check that the polygons are in pixels of "
                f"these images. Average precision by size uses 'area': correct it, or leave it out to count the pixels",
            ),
            (self._repeated, "another annotation has the same 'id'. segkit does not use these ids, other tools do"),
        ):
            if found.count:
                counted = "1 annotation" if found.count == 1 else f"{found.count} annotations"
                warnings.warn(f"{self.file}: {counted}: {text}. The first is {found.first}.", stacklevel=4)


def _fractions_problem(entry: JsonEntry) -> None:
    entry.problem("the polygon coordinates are fractions of the image; multiply by width and height to get pixels.")


def _areas_text(entry: JsonEntry, area: float, pixels: int) -> str:
    return f"{entry.place}, with area {area:g} and a mask of {pixels} pixels"
