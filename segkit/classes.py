"""The class list of a data set: names, things and stuff, colours, and the data set's own ids."""

from __future__ import annotations

import colorsys
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.errors import DataError, suggest

VOID = 255
"""The id that label maps hold, by custom, where the class is unknown."""

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

    @property
    def countable(self) -> tuple[bool, ...]:
        """Whether a class has instances: the things, or all classes where none is a thing."""
        return self.things if any(self.things) else (True,) * len(self)

    def index(self, name: str) -> int:
        """The class index of `name`. Raises DataError, with the nearest name, where there is none."""
        if name not in self.names:
            known = ", ".join(self.names[:20]) + (", …" if len(self) > 20 else "")
            raise DataError(f"there is no class '{name}'.{suggest(name, self.names)} There are: {known}")
        return self.names.index(name)

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


def read_classes(path: Path) -> Classes:
    """The classes a file lists, all stuff where it does not say; raises DataError where it lists none.

    * JSON: a list of names; a list of categories `{name, id, isthing, color}`, of which only `name` is needed; or a
      mapping that holds such a list as `classes` or `categories`, with the colours perhaps beside it as `palette`.
    * Any other file: one name a line; or a table with tabs whose first line names the columns, among them `Name` and
      perhaps `Idx`, the id (ADE20K's objectInfo150.txt).
    """
    try:
        text = path.read_text(encoding="utf-8")
        entries, palette = _from_json(text) if path.suffix.lower() == ".json" else (_from_text(text), None)
        names = [str(entry["name"]).strip() for entry in entries]
        ids = [int(entry.get("id", number)) for number, entry in enumerate(entries)]
        things = [bool(entry.get("isthing", False)) for entry in entries]
        colors = [entry["color"] for entry in entries] if all("color" in entry for entry in entries) else palette
        classes = Classes.make(names, things, colors[: len(names)] if colors else None, ids)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: no class list can be read here ({type(error).__name__}: {error}). {_FORMS}") from None
    if not names:
        raise DataError(f"{path}: the class list is empty. {_FORMS}")
    check_classes(classes, str(path))
    return classes


_FORMS = (
    "Give a JSON list of names or of categories (name, id, isthing, color), alone or as 'classes' or 'categories' of a "
    "mapping, or a text file with one name a line."
)


def check_classes(classes: Classes, where: str) -> None:
    """Raises DataError where two classes share a name or an id, or the colours are too few."""
    for what, values in (("name", classes.names), ("id", classes.ids)):
        twice = sorted({str(value) for value in values if values.count(value) > 1})
        if twice:
            raise DataError(f"{where}: several classes have the {what} {', '.join(twice)}. Give each its own {what}.")
    if len(classes.colors) < len(classes):
        raise DataError(
            f"{where}: {len(classes.colors)} colours for {len(classes)} classes. Give each class one, or none at all."
        )


def _from_json(text: str) -> tuple[list[dict[str, Any]], list[Color] | None]:
    data = json.loads(text)
    palette = None
    if isinstance(data, dict):
        palette = data.get("palette")
        data = data["classes"] if "classes" in data else data["categories"]
    return [{"name": entry} if isinstance(entry, str) else entry for entry in data], palette


def _from_text(text: str) -> list[dict[str, Any]]:
    lines = [line for line in text.splitlines() if line.strip()]
    columns = [column.strip().lower() for column in lines[0].split("\t")] if lines else []
    if len(columns) == 1 or not columns:
        return [{"name": line} for line in lines]
    rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[1:]]
    return [{"name": row["name"]} | ({"id": row["idx"]} if "idx" in row else {}) for row in rows]
