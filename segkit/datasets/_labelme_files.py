"""The JSON files of labelme: shapes that become the masks of instances."""

import base64
import io
import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from segkit.data.json_values import (
    Id,
    JsonEntry,
    NotThisError,
    as_id,
    as_list,
    as_number,
    as_positive,
    as_text,
    read_json,
    shown,
)
from segkit.data.listing import Listing, named
from segkit.data.problems import Problems
from segkit.datasets._masks import InvalidSegmentationError, Polygons, RunLengths
from segkit.errors import DataError, cause_of, counted
from segkit.ops.run_length import Rle, rle_areas, rle_to_json
from segkit.types import Size

Point = tuple[float, float]
"""x and y in pixels."""

_CIRCLE_CORNERS = 64
"""Corners of the polygon that stands for a circle: it deviates by less than a pixel up to a radius of 800."""

_WITHOUT_MASK = ("point", "points", "line", "linestrip")
"""Shapes that enclose nothing."""

_LONGEST_NAME = 300
"""Characters of a file's name that a message shows."""


@dataclass(frozen=True)
class Shape:
    """An instance: one shape, or those of a group."""

    label: str
    mask: Polygons | RunLengths
    entry: JsonEntry
    """The first shape, for messages."""


@dataclass(frozen=True)
class LabelmeFile:
    """A JSON file of labelme."""

    path: Path
    name: str
    """The path within the dataset, without suffix."""
    image: Path
    size: Size
    instances: list[Shape]
    left_out: Counter[str]
    """Numbers of shapes without a mask, by their type."""


def looks_like_labelme(data: object) -> bool:
    """Returns whether the content of a JSON file is that of labelme.

    Example:
        >>> looks_like_labelme({"shapes": [], "imagePath": "a.jpg"}), looks_like_labelme({"images": []})
        (True, False)
    """
    return isinstance(data, dict) and isinstance(data.get("shapes"), list) and "imagePath" in data


def read_labelme(listing: Listing, images: Path | None, problems: Problems) -> list[LabelmeFile]:
    """Reads all JSON files of a folder, in the order of their names.

    Args:
        listing: The folder of the JSON files.
        images: The folder of the images; None if they lie beside the JSON files.
        problems: Takes the problems.

    Raises:
        DataError: there is no JSON file of labelme.
    """
    found: list[LabelmeFile] = []
    others: list[Path] = []
    files = [file for file in listing.others if file.suffix.lower() == ".json"]
    for file in files:
        own = problems.of(file)
        try:
            data = read_json(file)
        except DataError as error:
            own.add(str(error).removeprefix(f"{file}: "))
            continue
        if not looks_like_labelme(data):
            others.append(file)
            continue
        read = _read_file(data, listing, file, images, own)
        found += [] if read is None else [read]
    _refuse_repeated(found, problems)
    if files and others and len(others) < len(files):
        problems.add(
            f"{counted(others, 'JSON file')} without 'shapes' and 'imagePath', so not written by labelme: "
            f"{named(others)}. Move them to another folder."
        )
    elif len(others) == len(files):
        raise DataError(
            f"{listing.folder}: there is no JSON file of labelme, with 'shapes' and 'imagePath'. Point 'folder' at the "
            f"folder of the JSON files."
        )
    return found


def _refuse_repeated(files: Sequence[LabelmeFile], problems: Problems) -> None:
    """Refuses several JSON files of one image, such as a copy: which of them counts is not known."""
    first_of: dict[Path, LabelmeFile] = {}
    for file in files:
        other = first_of.setdefault(file.image, file)
        if other is not file:
            problems.of(file.path).add(f"its image {file.image.name} is also that of {other.path.name}. Remove one.")


def _read_file(
    data: object, listing: Listing, file: Path, images: Path | None, problems: Problems
) -> LabelmeFile | None:
    top = JsonEntry(data, "the file", problems)
    height, width = top.required("imageHeight", as_positive), top.required("imageWidth", as_positive)
    name = top.required("imagePath", as_text)
    if height is None or width is None or name is None:
        return None
    image = _image(name, listing, file, images, problems)
    parts: dict[tuple[str, Id], list[tuple[JsonEntry, Polygons | RunLengths]]] = {}
    left_out: Counter[str] = Counter()
    for number, value in enumerate(top.required("shapes", as_list) or []):
        entry = JsonEntry(value, f"shapes[{number}]", problems)
        if not entry.is_mapping:
            continue
        label = (entry.required("label", as_text) or "").strip()
        kind = entry.optional("shape_type", as_text, "polygon")
        group = entry.optional("group_id", as_id, None)
        if kind in _WITHOUT_MASK:
            left_out[kind] += 1
            continue
        mask = _mask(entry, kind, (height, width))
        if label and mask is not None:
            # A shape without group is one of its own.
            key = f"shape {number}" if group is None else f"group {group}"
            parts.setdefault((label, key), []).append((entry, mask))
    if image is None:
        return None
    size = (height, width)
    shapes = [
        Shape(label, _union([mask for _, mask in group], size), group[0][0]) for (label, _), group in parts.items()
    ]
    return LabelmeFile(file, listing.name_of(file.with_suffix("")), image, size, shapes, left_out)


def _image(name: str, listing: Listing, file: Path, images: Path | None, problems: Problems) -> Path | None:
    """Returns the image of a JSON file. `imagePath` may be a path on another machine: its last part is the name."""
    base = PurePosixPath(name.replace("\\", "/")).name
    inside = file.parent.relative_to(listing.folder)
    places = [file.parent] if images is None else [images / inside, images]
    # The method of Path would raise where the name is too long.
    found = next((place / base for place in places if os.path.isfile(place / base)), None)
    if found is None:
        where = "Put it there, or name the folder of the images in 'images'." if images is None else "Restore it."
        problems.add(f"'imagePath': there is no file {places[0] / base[:_LONGEST_NAME]}. {where}")
    return found


def _mask(entry: JsonEntry, kind: str, size: Size) -> Polygons | RunLengths | None:
    """Returns the mask of a shape. Where there is none, adds a problem."""
    points = entry.required("points", _as_points)
    if points is None:
        return None
    make = _MASKS.get(kind)
    if make is None:
        entry.problem(f"'shape_type' is {shown(kind)}, which is not known. Draw a polygon instead.")
        return None
    try:
        return make(entry, points, size)
    except InvalidSegmentationError as error:
        entry.problem(f"{error}. Correct or remove the shape.")
        return None


def _as_points(value: object) -> list[Point]:
    needed = NotThisError("a list of points [x, y]")
    if not isinstance(value, list) or not all(isinstance(point, list) and len(point) == 2 for point in value):
        raise needed
    try:
        return [(as_number(x), as_number(y)) for x, y in value]
    except NotThisError:
        raise NotThisError("a list of points [x, y] of finite numbers") from None


def _polygon(entry: JsonEntry, points: list[Point], size: Size) -> Polygons:
    if len(points) < 3:
        raise InvalidSegmentationError(f"a polygon of {counted(points, 'point')} encloses nothing")
    return Polygons([[number for point in points for number in point]], 0)


def _rectangle(entry: JsonEntry, points: list[Point], size: Size) -> Polygons:
    left, top, right, bottom = _box(points)
    if len(points) not in (2, 4) or left == right or top == bottom:
        raise InvalidSegmentationError("a rectangle needs two opposite corners")
    return Polygons([[left, top, right, top, right, bottom, left, bottom]], 0)


def _circle(entry: JsonEntry, points: list[Point], size: Size) -> Polygons:
    if len(points) != 2 or points[0] == points[1]:
        raise InvalidSegmentationError("a circle needs its center and another point")
    (x, y), radius = points[0], math.dist(*points)
    angles = [2 * math.pi * corner / _CIRCLE_CORNERS for corner in range(_CIRCLE_CORNERS)]
    corners = [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]
    return Polygons([[number for corner in corners for number in corner]], 0)


def _box(points: list[Point]) -> tuple[float, float, float, float]:
    """Returns left, top, right and bottom of points."""
    if not points:
        raise InvalidSegmentationError("there are no points")
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _bitmap(entry: JsonEntry, points: list[Point], size: Size) -> RunLengths:
    """Reads a mask that is drawn with a brush: a PNG of the box that `points` span, both corners included."""
    left, top, right, bottom = map(round, _box(points))
    text = entry.values.get("mask")
    try:
        with Image.open(io.BytesIO(base64.b64decode(str(text), validate=True)), formats=["PNG"]) as image:
            drawn = np.asarray(image.convert("L")) > 0  # (h, w)
    # A damaged PNG may raise anything.
    except Exception as error:
        raise InvalidSegmentationError(f"'mask' is no PNG in base64 ({cause_of(error)})") from None
    height, width = drawn.shape
    if (width, height) != (right - left + 1, bottom - top + 1):
        raise InvalidSegmentationError(
            f"'mask' is {width}x{height}, but its points span {right - left + 1}x{bottom - top + 1} pixels"
        )
    # What lies outside the image is cut off, as with polygons.
    full = np.zeros(size, dtype=np.uint8)
    part = drawn[max(0, -top) : size[0] - top, max(0, -left) : size[1] - left]
    full[max(0, top) : max(0, top) + part.shape[0], max(0, left) : max(0, left) + part.shape[1]] = part
    if not full.any():
        raise InvalidSegmentationError("the mask has no pixels in the image")
    return _packed(coco_mask.encode(np.asfortranarray(full)))


_MASKS: dict[str, Callable[[JsonEntry, list[Point], Size], Polygons | RunLengths]] = {
    "polygon": _polygon,
    "oriented_rectangle": _polygon,
    "rectangle": _rectangle,
    "circle": _circle,
    "mask": _bitmap,
}
"""Type of a shape -> what makes its mask."""


def _union(masks: Sequence[Polygons | RunLengths], size: Size) -> Polygons | RunLengths:
    """Returns the mask of the shapes of a group."""
    if len(masks) == 1:
        return masks[0]
    polygons = [mask for mask in masks if isinstance(mask, Polygons)]
    if len(polygons) == len(masks):
        return Polygons([outline for polygon in polygons for outline in polygon.outlines], 0)
    return _packed(coco_mask.merge([mask.draw(size) for mask in masks]))


def _packed(rle: Rle) -> RunLengths:
    counts = rle_to_json(rle)["counts"]
    return RunLengths(str(counts), rle_areas([rle])[0])
