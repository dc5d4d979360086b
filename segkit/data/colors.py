"""Colors as JSON files give them."""

import re
from collections.abc import Sequence

from PIL import ImageColor

from segkit.classes import Color, distinct_colors
from segkit.data.json_values import NotThisError, as_number

_NEEDED = '[red, green, blue] with whole numbers from 0 to 255 or fractions from 0 to 1, or text such as "#037fc6"'

_HEX = re.compile(r"[0-9a-fA-F]{6}([0-9a-fA-F]{2})?")


def as_color(value: object) -> Color:
    """Converts a color of any usual form to RGB. An alpha value is ignored.

    * [r, g, b] or [r, g, b, a], whole numbers in 0..255.
    * The same as fractions in 0..1. They are recognized by a number with a decimal point.
    * Text in the forms of CSS: "#037fc6", "#037fc6ff", "rgb(3, 127, 198)", "red". Six or eight digits need no "#".

    Raises:
        NotThisError: the value is none of these.

    Example:
        >>> as_color("#037fc6"), as_color([1, 2, 3, 255]), as_color([0.1, 0.5, 1])
        ((3, 127, 198), (1, 2, 3), (26, 128, 255))
    """
    try:
        parts, pointed = (_parsed(value)[:3], False) if isinstance(value, str) else _numbers(value)
    except ValueError:
        raise NotThisError(_NEEDED) from None
    if min(parts) < 0 or max(parts) > 255:
        raise NotThisError(_NEEDED)
    # 1 may mean 1 of 255 or the whole: only a decimal point, as in 0.5 and 1.0, tells that all are fractions.
    if max(parts) <= 1 and pointed:
        parts = [255 * part for part in parts]
    elif any(part != round(part) for part in parts):  # such as a fraction that is a little above 1
        raise NotThisError(_NEEDED)
    red, green, blue = map(round, parts)
    return red, green, blue


def fill_colors(colors: Sequence[Color | None]) -> list[Color]:
    """Replaces None by colors that differ from each other and from the given ones.

    Example:
        >>> fill_colors([(1, 2, 3), None])
        [(1, 2, 3), (77, 110, 191)]
    """
    given = {color for color in colors if color is not None}
    # The color at the class's own place comes first, so that files without colors get the usual list.
    candidates = distinct_colors(2 * len(colors))
    filled = []
    for index, color in enumerate(colors):
        if color is None:
            free = (one for one in candidates[index:] if one not in given)
            color = next(free, candidates[index])
            given.add(color)
        filled.append(color)
    return filled


def voc_colors(count: int) -> list[Color]:
    """Returns the first colors of the palette of Pascal VOC, which many tools use: the bits of an id are spread.

    Example:
        >>> voc_colors(4)
        [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    """
    colors = []
    for id in range(count):
        channels = [0, 0, 0]
        # Bits 0, 1 and 2 of an id are the highest bits of red, green and blue; bits 3, 4 and 5 the next ones.
        for bit in range(24):
            channels[bit % 3] |= (id >> bit & 1) << (7 - bit // 3)
        colors.append((channels[0], channels[1], channels[2]))
    return colors


def _parsed(text: str) -> Sequence[float]:
    text = text.strip()
    parsed = ImageColor.getrgb(f"#{text}" if _HEX.fullmatch(text) else text)
    return parsed if isinstance(parsed, tuple) else (parsed,) * 3


def _numbers(value: object) -> tuple[list[float], bool]:
    """Returns the numbers, and whether any has a decimal point."""
    if not isinstance(value, list) or len(value) not in (3, 4):
        raise NotThisError(_NEEDED)
    pointed = any(isinstance(part, float) or (isinstance(part, str) and "." in part) for part in value[:3])
    return [as_number(part) for part in value[:3]], pointed
