"""The values of 'segmentation' in COCO's instance format: polygons or run lengths, checked before they are drawn."""

import math

from segkit.data.json_values import NotThisError, as_integer, as_number, shown
from segkit.datasets._masks import InvalidSegmentationError, Polygons, RunLengths
from segkit.errors import counted
from segkit.ops.run_length import unpacked_runs
from segkit.types import Size

_THREE_POINTS = 6
"""Numbers of the shortest polygon that encloses anything."""


def read_segmentation(value: object, size: Size | None) -> Polygons | RunLengths:
    """Reads polygons or run lengths.

    Args:
        value: The parsed JSON value.
        size: Height and width of the image; None where they are not known.

    Raises:
        InvalidSegmentationError: the value is no mask of an image of this size.

    Example:
        >>> read_segmentation([[0, 0, "2", 0, 2, 2.5], [1, 1]], (4, 4))
        Polygons(outlines=[[0, 0, 2.0, 0, 2, 2.5]], left_out=1)
        >>> read_segmentation({"size": [2, 3], "counts": [1, 4, 1]}, (2, 3)).pixels
        4
    """
    if isinstance(value, dict):
        return _run_lengths(value, size)
    if not isinstance(value, list):
        raise InvalidSegmentationError(f"it is {shown(value)}, but must be a list of polygons, or run lengths")
    if not value:
        raise InvalidSegmentationError("the list of polygons is empty. A box alone has no mask: draw its polygon")
    outlines = [_outline(polygon) for polygon in value]
    drawn = [outline for outline in outlines if len(outline) >= _THREE_POINTS]
    if not drawn:
        raise InvalidSegmentationError("no polygon has three points")
    return Polygons(drawn, len(outlines) - len(drawn))


def _outline(polygon: object) -> list[float]:
    if not isinstance(polygon, list) or len(polygon) % 2:
        raise InvalidSegmentationError("a polygon is not a flat list x1, y1, x2, y2, …")
    # Most outlines hold plain numbers. The sum is finite if all of them are.
    if set(map(type, polygon)) <= {float} and abs(sum(polygon)) < math.inf:
        return polygon
    try:
        # Whole numbers stay as they are: they take less memory.
        return [number if type(number) is int and abs(number) < 2**53 else as_number(number) for number in polygon]
    except NotThisError:
        pass
    if any(isinstance(number, list | dict) for number in polygon):
        raise InvalidSegmentationError("a polygon is not a flat list x1, y1, x2, y2, …")
    wrong = next(number for number in polygon if not _is_number(number))
    raise InvalidSegmentationError(f"a polygon has the coordinate {shown(wrong)}, which is not a finite number")


def _is_number(value: object) -> bool:
    try:
        as_number(value)
    except NotThisError:
        return False
    return True


def _run_lengths(rle: dict[str, object], size: Size | None) -> RunLengths:
    """Checks run lengths. pycocotools does not: runs that do not fill the image would give arbitrary masks."""
    if "counts" not in rle or "size" not in rle:
        raise InvalidSegmentationError("run lengths need 'size' and 'counts'")
    given = _integers(rle["size"], "size")
    if size is not None and given != list(size):
        raise InvalidSegmentationError(
            f"the run lengths are of size {given[:3]}, but the image is {list(size)} (height, width)"
        )
    if len(given) != 2 or min(given) < 1:
        raise InvalidSegmentationError(f"the run lengths are of size {given[:3]}, but must be of [height, width]")
    counts, (height, width) = rle["counts"], given
    pixels = height * width
    if counts in ("", []):
        raise InvalidSegmentationError("the run lengths are empty")
    if isinstance(counts, str):
        unpacked = unpacked_runs(counts) if counts.isascii() else None
        if unpacked is None:
            raise InvalidSegmentationError("the compressed run lengths are broken")
        runs: list[int] = unpacked.tolist()
    else:
        runs = counts = _integers(counts, "counts")
    if min(runs) < 0:
        raise InvalidSegmentationError("a run length is negative")
    if sum(runs) != pixels:
        raise InvalidSegmentationError(
            f"the run lengths add up to {counted(sum(runs), 'pixel')}, but the image has {pixels} ({width}x{height})"
        )
    return RunLengths(counts, sum(runs[1::2]))


def _integers(value: object, key: str) -> list[int]:
    if not isinstance(value, list):
        raise InvalidSegmentationError(f"'{key}' of the run lengths is {shown(value)}, but must be a list")
    # Most lists hold plain numbers of at most 64 bits.
    if set(map(type, value)) <= {int} and abs(max(value, key=abs, default=0)) < 2**63:
        return value
    for number in value:
        try:
            as_integer(number)
        except NotThisError as needed:
            raise InvalidSegmentationError(
                f"'{key}' of the run lengths has the value {shown(number)}, but each must be {needed}"
            ) from None
    return [as_integer(number) for number in value]
