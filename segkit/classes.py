"""The class list of a dataset: names, things and stuff, colors, and the dataset's own ids."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from segkit.errors import DataError, counted, join_first, suggest

Color = tuple[int, int, int]
"""RGB, 0..255."""


class ClassesDict(TypedDict):
    """A class list as JSON holds it; see `Classes`."""

    names: list[str]
    things: list[bool]
    colors: list[list[int]]
    ids: list[int]


@dataclass(frozen=True)
class Classes:
    """The meaning of class indices 0..K-1. Void and no-object are not classes.

    Example:
        >>> classes = Classes.make(["road", "car"], things=[False, True], ids=[7, 26])
        >>> len(classes), classes.index("car"), classes.ids[1]
        (2, 1, 26)
    """

    names: tuple[str, ...]
    things: tuple[bool, ...]
    """True for things, which are annotated one by one; False for stuff, such as sky."""
    colors: tuple[Color, ...]
    ids: tuple[int, ...]
    """The dataset's own ids: COCO's category ids, or the values in label PNGs."""
    void: tuple[int, ...] = ()
    """The dataset's own ids that stand for void, as far as the class list says so."""
    void_colors: tuple[Color, ...] = ()
    """The colors of void, as far as the class list gives them."""
    written_ids: tuple[int | str, ...] = field(default=(), compare=False)
    """The ids as the dataset's JSON file writes them, where text is among them; else empty."""

    @classmethod
    def make(
        cls,
        names: list[str] | tuple[str, ...],
        things: Sequence[bool] | None = None,
        colors: Sequence[Sequence[int]] | None = None,
        ids: Sequence[int] | None = None,
        void: Sequence[int] = (),
    ) -> Classes:
        """Makes a class list and fills in what is not given: all things, distinct colors, ids 0..K-1.

        Raises:
            ValueError, TypeError: a color is not three numbers.
        """
        count = len(names)
        return cls(
            tuple(names),
            tuple(things) if things is not None else (True,) * count,
            tuple((int(r), int(g), int(b)) for r, g, b in colors) if colors is not None else distinct_colors(count),
            tuple(ids) if ids is not None else tuple(range(count)),
            tuple(void),
        )

    def __len__(self) -> int:
        return len(self.names)

    @property
    def countable(self) -> tuple[bool, ...]:
        """Whether each class has instances: True for things, and for all classes where none is a thing."""
        return self.things if any(self.things) else (True,) * len(self)

    @property
    def json_ids(self) -> tuple[int | str, ...]:
        """The ids that JSON results have, so that tools match them with the dataset's file."""
        return self.written_ids or self.ids

    def index(self, name: str) -> int:
        """Returns the class index of `name`.

        Raises:
            DataError: no class has this name. The message suggests the closest one.
        """
        if name not in self.names:
            known = join_first(self.names, limit=20)
            raise DataError(f"there is no class '{name}'.{suggest(name, self.names)} There are: {known}")
        return self.names.index(name)

    def to_dict(self) -> ClassesDict:
        """Returns the class list in the form that JSON files hold."""
        return {
            "names": list(self.names),
            "things": list(self.things),
            "colors": [list(color) for color in self.colors],
            "ids": list(self.ids),
        }

    @classmethod
    def from_dict(cls, data: object) -> Classes:
        """Makes a class list of what `to_dict` returned.

        Raises:
            ValueError: a list is missing, has another length than the names, or holds other values or a value twice.
        """
        if not isinstance(data, dict):
            raise ValueError("must be a mapping")
        for key, (wanted, fits) in _LISTS.items():
            values = data.get(key)
            if not isinstance(values, list) or not values or not all(map(fits, values)):
                raise ValueError(f"'{key}' must be a list of {wanted}")
            if len(values) != len(data["names"]):
                raise ValueError(f"'{key}' has {counted(values, 'value')} for {len(data['names'])} names")
        for key, what in (("names", "name"), ("ids", "id")):
            counts: Counter[str | int] = Counter(data[key])
            twice = next((value for value, count in counts.items() if count > 1), None)
            if twice is not None:
                raise ValueError(f"two classes have the {what} {twice!r}")
        return cls.make(data["names"], data["things"], data["colors"], data["ids"])


def _is_color(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    return all(type(number) is int and 0 <= number <= 255 for number in value)


_LISTS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "names": ("texts that are not empty", lambda value: isinstance(value, str) and value.strip() != ""),
    "things": ("true and false", lambda value: isinstance(value, bool)),
    "colors": ("colors [R, G, B], each 0 to 255", _is_color),
    "ids": ("integers", lambda value: type(value) is int),
}
"""The lists of a class list as JSON holds it: what their values must be, in words and as a check."""


def distinct_colors(count: int) -> tuple[Color, ...]:
    """Returns `count` colors. Neighbors in the list differ clearly, since their hues lie a golden angle apart.

    Example:
        >>> distinct_colors(2)
        ((242, 36, 36), (77, 110, 191))
    """
    colors = []
    for index in range(count):
        hue = (index * 0.618034) % 1.0  # of the full circle; 0.618034 is the golden ratio less one
        saturation, value = (0.85, 0.95) if index % 2 == 0 else (0.6, 0.75)
        red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
        colors.append((round(red * 255), round(green * 255), round(blue * 255)))
    return tuple(colors)
