"""The class list of a data set: names, things and stuff, colours, and the data set's own ids."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Any

VOID = 255
"""Value of a stored or loaded label map where the class is unknown; class lists are shorter than this or use wider maps."""

Color = tuple[int, int, int]


def distinct_colors(count: int) -> tuple[Color, ...]:
    """`count` RGB colours, 0..255, that neighbours in the list can be told apart by (golden-angle hues)."""
    colors = []
    for index in range(count):
        hue = (index * 0.618034) % 1.0
        saturation, value = (0.85, 0.95) if index % 2 == 0 else (0.6, 0.75)
        red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
        colors.append((round(red * 255), round(green * 255), round(blue * 255)))
    return tuple(colors)


@dataclass(frozen=True)
class Classes:
    """What class index 0..K-1 stands for. Void and no-object are no classes."""

    names: tuple[str, ...]
    things: tuple[bool, ...]
    """True for countable classes (things), False for stuff."""
    colors: tuple[Color, ...]
    ids: tuple[int, ...]
    """The data set's own id of each class (COCO's category id, the value in a label PNG)."""

    @classmethod
    def make(
        cls,
        names: list[str] | tuple[str, ...],
        things: list[bool] | None = None,
        colors: list[Color] | None = None,
        ids: list[int] | None = None,
    ) -> Classes:
        """Classes with what is not given filled in: all things, distinct colours, ids 0..K-1."""
        count = len(names)
        return cls(
            tuple(names),
            tuple(things) if things is not None else (True,) * count,
            tuple((int(r), int(g), int(b)) for r, g, b in colors) if colors is not None else distinct_colors(count),
            tuple(ids) if ids is not None else tuple(range(count)),
        )

    def __len__(self) -> int:
        return len(self.names)

    def to_dict(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "things": list(self.things),
            "colors": [list(color) for color in self.colors],
            "ids": list(self.ids),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Classes:
        return cls.make(data["names"], data["things"], data["colors"], data["ids"])
