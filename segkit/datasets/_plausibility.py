"""Checks for COCO instance annotations that are valid but probably wrong, such as polygons outside their image.

Without these checks, a training would silently learn from wrong masks.
"""

import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from segkit.data.json_values import Id, JsonEntry
from segkit.data.problems import Problems
from segkit.datasets._masks import Polygons, RunLengths, Segmentation, encloses_nothing
from segkit.datasets._segments import Segment
from segkit.errors import DataWarning, counted
from segkit.ops.run_length import rle_areas
from segkit.types import Size

_FACTOR = 10
"""Areas and masks that differ by more than this are not two ways to count the same pixels."""

_FEW_PIXELS = 64
"""Masks and areas of fewer pixels may differ by any factor: outlines are rounded to pixels."""

_FRACTIONS = (-0.1, 1.1)
"""Coordinates of fractions of an image, with some room for outlines that reach beyond it."""

_BEYOND = 0.1
"""Polygons that reach beyond the image by more than this fraction of it belong to another image or size."""

_MANY = 20
"""So many instances do not all lie in one quarter of their images by chance."""

_SHORT = 10
"""Numbers of outlines that are checked for enclosing nothing: only drawing and clicking slips make such ones."""


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

    places: list[str] = field(default_factory=list)

    def add(self, place: str) -> None:
        self.places.append(place)


@dataclass
class Plausibility:
    """Looks at the masks of a file one by one, then warns of what it found, one line for each kind.

    Polygons in fractions of the image are an error: they would become one pixel each.
    """

    file: Path
    """The annotation file, or the folder of several."""
    problems: Problems
    _short: _Findings = field(default_factory=_Findings)
    _empty: _Findings = field(default_factory=_Findings)
    _beyond: _Findings = field(default_factory=_Findings)
    _areas: _Findings = field(default_factory=_Findings)
    _repeated: _Findings = field(default_factory=_Findings)
    _equal: _Findings = field(default_factory=_Findings)
    _quarter: _Findings = field(default_factory=_Findings)
    _seen: set[int] = field(default_factory=set)
    """Hashes of the instances: the masks of a large file would fill the memory."""
    _ids: set[Id] = field(default_factory=set)
    _polygons: int = 0
    _small: list[JsonEntry] = field(default_factory=list)
    """Entries whose polygons lie in 0..1, though nothing else in them says that these are fractions."""

    def add_id(self, entry: JsonEntry, id: Id | None) -> None:
        """Notes the id of an annotation."""
        if id is not None and id in self._ids:
            self._repeated.add(entry.place_in(self.file))
        elif id is not None:
            self._ids.add(id)

    def add_instance(self, entry: JsonEntry, segment: Segment, segmentation: Segmentation) -> None:
        """Notes an instance, which another one of its image may repeat. Its mask was looked at before."""
        mask = segmentation.counts if isinstance(segmentation, RunLengths) else map(tuple, segmentation.outlines)
        key = hash((segment.image, segment.label, segment.is_crowd, mask if isinstance(mask, str) else tuple(mask)))
        if key in self._seen and not self._is_known(entry, self._empty):
            self._equal.add(entry.place_in(self.file))
        self._seen.add(key)

    def _is_known(self, entry: JsonEntry, found: _Findings) -> bool:
        """Returns whether the last finding of a kind is that of an entry, which explains another one of it."""
        return found.places[-1:] == [entry.place_in(self.file)]

    def add_mask(self, entry: JsonEntry, segmentation: Polygons | RunLengths, size: Size, area: float) -> None:
        """Looks at one mask. `area` is NaN where the annotation has none."""
        if isinstance(segmentation, RunLengths):
            self._add_pixels(entry, segmentation.pixels, area)
            return
        self._polygons += 1
        if segmentation.left_out:
            self._short.add(entry.place_in(self.file))
        left, top, right, bottom = _box(segmentation)
        if min(left, top) >= _FRACTIONS[0] and max(right, bottom) <= _FRACTIONS[1] and min(size) > 2:
            is_fractional = any(number != int(number) for outline in segmentation.outlines for number in outline)
            self._add_small(entry, area, is_fractional)
            return
        height, width = size
        if min(left / width, top / height) < -_BEYOND or max(right / width, bottom / height) > 1 + _BEYOND:
            self._beyond.add(entry.place_in(self.file))
        if right <= width / 2 and bottom <= height / 2:
            self._quarter.add(entry.place_in(self.file))
        # Drawing takes time. The mask is not larger than its box, so that most need not be drawn to be plausible.
        box = max(0, min(right, width) - max(left, 0)) * max(0, min(bottom, height) - max(top, 0))
        if box < 1 or areas_disagree(area, math.ceil(box)) or _is_line(segmentation):
            self._add_pixels(entry, rle_areas([segmentation.draw(size)])[0], area)

    def _add_pixels(self, entry: JsonEntry, pixels: int, area: float) -> None:
        if not pixels:
            self._empty.add(entry.place_in(self.file))
        elif areas_disagree(area, pixels) and not self._is_known(entry, self._beyond):
            self._areas.add(f"{entry.place_in(self.file)}, with area {area:g} and a mask of {counted(pixels, 'pixel')}")

    def _add_small(self, entry: JsonEntry, area: float, is_fractional: bool) -> None:
        if area > _FACTOR or (math.isnan(area) and is_fractional):
            _fractions_problem(entry)
        elif is_fractional:
            self._small.append(entry)

    def finish(self) -> None:
        """Adds the problems of polygons in fractions, or warns of everything else."""
        # One tiny polygon in the corner is possible, but not most of a file.
        if len(self._small) > self._polygons / 2:
            for entry in self._small:
                _fractions_problem(entry)
            return
        copies = set(self._equal.places)
        self._repeated.places = [place for place in self._repeated.places if place not in copies]
        if len(self._quarter.places) < max(_MANY, self._polygons):
            self._quarter = _Findings()
        for found, text in (
            (self._short, "polygons of fewer than three points are left out"),
            (self._empty, "the mask has no pixels in the image. Correct or remove it"),
            (
                self._beyond,
                "polygons reach beyond the image by more than a tenth of its size, and are cut off at its border. "
                "Check that they are in pixels of these images",
            ),
            (
                self._quarter,
                "the polygons of all annotations lie in the top left quarter of their images. Check that they are in "
                "pixels of these images, not of smaller ones or in percent",
            ),
            (
                self._areas,
                f"'area' and mask differ by a factor of more than {_FACTOR}. Check that the polygons are in pixels of "
                f"these images. Average precision by size uses 'area': correct it, or leave it out to count the pixels",
            ),
            (
                self._equal,
                "another annotation of the same image has the same class and the same mask, so the object counts "
                "twice. Remove one of both",
            ),
            (self._repeated, "another annotation has the same 'id'. segkit does not use these ids, other tools do"),
        ):
            if found.places:
                number = counted(found.places, "annotation")
                message = f"{self.file}: {number}: {text}. The first is {found.places[0]}."
                warnings.warn(DataWarning(message, found.places), stacklevel=4)


def _box(polygons: Polygons) -> tuple[float, float, float, float]:
    """Returns the smallest and largest coordinates: left, top, right, bottom."""
    xs = [outline[0::2] for outline in polygons.outlines]
    ys = [outline[1::2] for outline in polygons.outlines]
    return min(map(min, xs)), min(map(min, ys)), max(map(max, xs)), max(map(max, ys))


def _is_line(polygons: Polygons) -> bool:
    """Returns whether the polygons have few points and enclose nothing."""
    return all(len(outline) <= _SHORT and encloses_nothing(outline) for outline in polygons.outlines)


def _fractions_problem(entry: JsonEntry) -> None:
    entry.problem("the polygon coordinates are fractions of the image; multiply by width and height to get pixels.")
