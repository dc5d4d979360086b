"""The meaning of the colors in label files: which class index each stands for."""

from pathlib import Path
from typing import Any

import numpy as np

from segkit.classes import Classes, Color
from segkit.data.class_names import VOID, is_void
from segkit.data.colors import as_color
from segkit.data.json_values import NotThisError
from segkit.data.label_maps import Ids, read_color_map
from segkit.errors import DataError, counted, join_first
from segkit.ops.lookup import places_in
from segkit.ops.runs import run_lengths, run_starts
from segkit.types import NO_SEGMENT

Colors = bool | list[Any] | dict[str, Any]
"""`true` for the colors of the class list, a color for each class in its order, or class name -> color or colors."""

_FORMS = (
    'Write a color for each class, as in {road: [128, 64, 128], car: "#00008e", void: [0, 0, 0]}, or true for the '
    "colors of the class list."
)


class ColorTable:
    """The colors of classes and of void.

    Args:
        classes: The class list.
        colors: The setting.

    Raises:
        DataError: a class has no color, a color is none, or two classes have the same.

    Example:
        >>> colors = {"road": "#804080", "car": [0, 0, 142], "void": [0, 0, 0]}
        >>> table = ColorTable(Classes.make(["road", "car"]), colors)
        >>> table.classes.colors, table.class_indices.tolist()
        (((128, 64, 128), (0, 0, 142)), [0, 1, -1])
    """

    def __init__(self, classes: Classes, colors: Colors) -> None:
        colors_of = _colors_of(classes, colors)
        owner_of: dict[Color, str] = {}
        for name, listed in colors_of.items():
            for color in listed:
                if owner_of.setdefault(color, name) != name:
                    raise DataError(f"colors: {owner_of[color]} and {name} both have the color {color}. Change one.")
        first = [colors_of[name][0] for name in classes.names]
        self.classes = Classes.make(classes.names, classes.things, first, classes.ids)
        names = {name: class_index for class_index, name in enumerate(classes.names)}
        self.class_indices = np.array([names.get(name, NO_SEGMENT) for name in owner_of.values()], dtype=np.int16)
        """(N,) class index of each color, NO_SEGMENT for void."""
        self._codes = np.array([_code(color) for color in owner_of], dtype=np.int32)  # (N,)

    def read(self, file: Path) -> Ids:
        """Reads a label file as the places (H, W) of its colors in `class_indices`.

        Raises:
            DataError: the file cannot be read, or a color belongs to no class and is not void.
        """
        stored = read_color_map(file)
        flat = stored.ravel()
        # Neighboring pixels mostly have one color: looking up one per run is much faster than one per pixel.
        starts = run_starts(flat)
        places, known = places_in(self._codes, flat[starts])
        if not known.all():
            unknown = np.unique(flat[starts][~known]).tolist()
            shown = join_first([(code & 255, code >> 8 & 255, code >> 16) for code in unknown], limit=5)
            raise DataError(
                f"{file}: {len(unknown)} {'color belongs' if len(unknown) == 1 else 'colors belong'} to no class: "
                f"{shown}. Name each under its class in 'colors', or under void. If there are very many, the file was "
                f"resized or smoothed: export it again."
            )
        ids: Ids = np.repeat(places.astype(np.uint16), run_lengths(starts, flat.size)).reshape(stored.shape)
        return ids


def _colors_of(classes: Classes, colors: Colors) -> dict[str, list[Color]]:
    """Returns the colors of each class, in the order of the classes, and of void."""
    if isinstance(colors, bool):
        found = {name: [color] for name, color in zip(classes.names, classes.colors, strict=True)}
        return {**found, **({VOID: list(classes.void_colors)} if classes.void_colors else {})}
    if isinstance(colors, list):
        if len(colors) != len(classes):
            raise DataError(f"colors: there are {len(colors)} for {counted(classes, 'class')}. {_FORMS}")
        colors = dict(zip(classes.names, colors, strict=True))
    void = [name for name in colors if is_void(name) and name not in classes.names]
    for name in colors:
        if name not in void:
            classes.index(name)
    missing = [name for name in classes.names if name not in colors]
    if missing:
        raise DataError(f"colors: there is none for {join_first(missing)}. {_FORMS}")
    return {name: _read(name, colors[name]) for name in [*classes.names, *void]}


def _read(name: str, value: object) -> list[Color]:
    """Returns one color, or several of a list of colors."""
    several = isinstance(value, list) and value and isinstance(value[0], list | str)
    try:
        return [as_color(one) for one in value] if several and isinstance(value, list) else [as_color(value)]
    except NotThisError as needed:
        raise DataError(f"colors: that of {name} is {value!r}, but must be {needed}. {_FORMS}") from None


def _code(color: Color) -> int:
    return color[0] + 256 * color[1] + 65536 * color[2]
