"""Class lists in JSON: lists of names, or of categories as COCO writes them."""

from pathlib import Path

from segkit.classes import Classes, Color
from segkit.data.colors import as_color, fill_colors
from segkit.data.json_values import JsonEntry, Problems, as_flag, as_integer, as_text, read_json, shown
from segkit.errors import DataError


def read_json_classes(file: Path) -> Classes:
    """Reads a JSON file that holds a class list, alone or as `classes` or `categories` of a mapping.

    A class is a name, or a mapping with `name` and optionally `id`, `isthing` and `color`. A mapping may also hold the
    colors of all classes as `palette`, with one more for void. Classes are stuff unless the file says otherwise.

    Raises:
        DataError: the file cannot be read or a value is wrong. The message lists all problems.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "classes.json"
        ...     _ = file.write_text('["road", {"name": "car", "id": "26", "isthing": true, "color": "#00008e"}]')
        ...     classes = read_json_classes(file)
        >>> classes.names, classes.things, classes.ids, classes.colors[1]
        (('road', 'car'), (False, True), (0, 26), (0, 0, 142))
    """
    data, place, palette = read_json(file), "the class list", None
    problems = Problems(file)
    if isinstance(data, dict):
        found = [key for key in ("classes", "categories") if key in data]
        if not found:
            raise DataError(f"{file}: there is neither 'classes' nor 'categories'. Name the list of classes so.")
        palette, data, place = data.get("palette"), data[found[0]], found[0]
    if not isinstance(data, list):
        raise DataError(f"{file}: {place} is {shown(data)}, but must be a list of names or of categories.")
    if not data:
        raise DataError(f"{file}: {place} is empty. Name the classes.")
    # A name alone is a category without any other value.
    entries = [{"name": entry} if isinstance(entry, str) else entry for entry in data]
    colors = _palette(palette, len(entries), problems)
    classes = classes_of(entries, place, problems, required=(), things=False, colors=colors)
    problems.raise_any()
    return classes


def classes_of(
    entries: list[object],
    place: str,
    problems: Problems,
    *,
    required: tuple[str, ...],
    things: bool,
    colors: list[Color | None] | None = None,
) -> Classes:
    """Reads the classes of a list of categories.

    Args:
        entries: the parsed JSON values.
        place: the place of the list in the file.
        problems: takes the problems. If there are any, the returned classes are of no use.
        required: which of `id` and `isthing` must be there, besides `name`. Ids are 0..K-1 where not.
        things: whether a class without `isthing` is a thing.
        colors: the colors of classes without `color`; None is a distinct color.
    """
    names, ids, flags, found_colors = [], [], [], []
    for number, value in enumerate(entries):
        entry = JsonEntry(value, f"{place}[{number}]", problems)
        names.append((entry.required("name", as_text) or "").strip())
        stored = entry.required("id", as_integer) if "id" in required else entry.optional("id", as_integer, number)
        ids.append(number if stored is None else stored)
        if "isthing" in required:
            flags.append(bool(entry.required("isthing", as_flag)))
        else:
            flags.append(entry.optional("isthing", as_flag, things))
        found_colors.append(entry.optional("color", as_color, colors[number] if colors else None))
    return Classes.make(names, flags, fill_colors(found_colors), ids)


def _palette(palette: object, count: int, problems: Problems) -> list[Color | None] | None:
    """Returns the colors of a palette, None where there is no palette or a problem."""
    if palette is None:
        return None
    if not isinstance(palette, list) or len(palette) < count:
        problems.add(f"palette is {shown(palette)}, but must be a list of {count} colors, one for each class.")
        return None
    colors: list[Color | None] = []
    # A palette may hold one more color, for void.
    for number, value in enumerate(palette[:count]):
        entry = JsonEntry({"color": value}, f"palette[{number}]", problems)
        colors.append(entry.optional("color", as_color, None))
    return colors
