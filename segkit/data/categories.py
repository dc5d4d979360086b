"""Class lists in JSON and YAML: lists of names, or of categories as COCO writes them, or mappings of ids and names."""

import re
import warnings
from dataclasses import replace
from pathlib import Path

from segkit.classes import Classes, Color
from segkit.data.class_names import is_void
from segkit.data.colors import as_color, fill_colors
from segkit.data.json_values import Convert, JsonEntry, NotThisError, as_flag, as_integer, as_text, read_json, shown
from segkit.data.problems import Problems
from segkit.errors import DataError, counted, join_first

_KEYS = ("classes", "categories", "names", "id2label", "label2id")
"""Keys of a mapping that may hold the class list, the first one that is there counts."""

_BESIDE = {"palette", "nc", "ignore_index"}
"""Other keys of such a mapping."""


def read_json_classes(file: Path, as_stored: Convert[int] = as_integer) -> Classes:
    """Reads a JSON file that holds a class list; see `structured_classes`.

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
    return structured_classes(read_json(file), file, as_stored)


def structured_classes(data: object, file: Path, as_stored: Convert[int] = as_integer) -> Classes:
    """Reads a class list from parsed JSON or YAML.

    The list stands alone, or in a mapping as `classes`, `categories`, `names` (as in YOLO's data.yaml), `id2label` or
    `label2id` (as in Hugging Face's config.json). It is one of these:

    * a list whose entries are names, or mappings with `name` and optionally `id`, `isthing`, `isvoid` and `color`;
    * a mapping id -> name, or name -> id. The classes are then sorted by id.

    A mapping may also hold the colors of all classes as `palette`, with one more for void, their number as `nc`, and
    the id of void as `ignore_index`.
    Classes are stuff unless the file says otherwise.

    Raises:
        DataError: a value is wrong. The message lists all problems.

    Example:
        >>> structured_classes({"0": "road", "7": "car"}, Path("id2label.json")).ids
        (0, 7)
    """
    place, palette, count, ignored = "the class list", None, None, None
    problems = Problems(file)
    found = [key for key in _KEYS if key in data] if isinstance(data, dict) else []
    if isinstance(data, dict) and (found or set(data) <= _BESIDE or not _id_mapping(data)):
        if not found:
            raise DataError(f"{file}: there is none of {join_first(list(map(repr, _KEYS)))}. Name the class list so.")
        heading = JsonEntry(data, "the class list", problems)
        ignored = heading.optional("ignore_index", as_stored, None)
        palette, count, data, place = data.get("palette"), data.get("nc"), data[found[0]], found[0]
    if isinstance(data, dict) and place != "categories":  # COCO's are a list
        data = _id_mapping(data) or data
    if not isinstance(data, list):
        raise DataError(
            f"{file}: {place} is {shown(data)}, but must be a list of names or of categories, or a mapping of ids and "
            "names. Correct it."
        )
    if not data:
        raise DataError(f"{file}: {place} is empty. Name the classes.")
    # A name alone is a category without any other value.
    entries = [{"name": entry} if isinstance(entry, str) else entry for entry in data]
    _add_palette(palette, entries, problems)
    classes = classes_of(entries, place, problems, required=(), things=False, as_stored=as_stored)
    if count is not None and count != len(entries):
        problems.add(f"nc is {shown(count)}, but {place} has {counted(entries, 'class')}. Correct one of them.")
    problems.raise_any()
    return classes if ignored is None else replace(classes, void=tuple(dict.fromkeys((*classes.void, ignored))))


def _id_mapping(data: dict[str, object]) -> list[object]:
    """Returns the categories of a mapping id -> name or name -> id, sorted by id. Other mappings have none."""
    if {"id", "name"} & set(data):  # a single category
        return []
    pairs = [(key, value) for key, value in data.items() if _is_id(key) and isinstance(value, str)]
    if len(pairs) < len(data) or any(_is_id(name) for _, name in pairs):
        pairs = [(str(value), key) for key, value in data.items() if _is_id(value) and not _is_id(key)]
    if len(pairs) < len(data):
        return []
    return [{"name": name, "id": stored} for stored, name in sorted(pairs, key=lambda pair: int(pair[0]))]


def _is_id(value: object) -> bool:
    return not isinstance(value, bool) and re.fullmatch(r"\d{1,9}", str(value)) is not None


def classes_of(
    entries: list[object],
    place: str,
    problems: Problems,
    *,
    required: tuple[str, ...],
    things: bool,
    as_stored: Convert[int] = as_integer,
) -> Classes:
    """Reads the classes of a list of categories. Those with `isvoid` are no classes: their ids stand for void.

    In a class list, where nothing is required, a category named void needs no `isvoid`. A warning tells so.
    Colors are for drawings alone: those that cannot be read, or are missing, are replaced. A warning names the former.

    Args:
        entries: The parsed JSON values.
        place: The place of the list in the file.
        problems: Takes the problems. If there are any, the returned classes are of no use.
        required: Which of `id` and `isthing` must be there, besides `name`. Ids are 0..K-1 where not.
        things: Whether a class without `isthing` is a thing.
        as_stored: Converts the ids.
    """
    names, ids, flags, colors, void, void_colors = [], [], [], list[Color | None](), [], list[Color]()
    unread: list[str] = []
    needed = "a mapping" if required else "a name in quotes or a mapping"
    for number, value in enumerate(entries):
        entry = JsonEntry(value, f"{place}[{number}]", problems, needed)
        stored = entry.required("id", as_stored) if "id" in required else entry.optional("id", as_stored, number)
        color = _color(entry, unread)
        by_name = not required and is_void(entry.values.get("name"))
        if entry.optional("isvoid", as_flag, by_name):
            void.append(number if stored is None else stored)
            void_colors += [color] if color is not None else []
            if by_name and entry.values.get("isvoid") is None:
                _tell_void(entry, problems.file)
            continue
        names.append((entry.required("name", as_text) or "").strip())
        ids.append(number if stored is None else stored)
        if "isthing" in required:
            flags.append(bool(entry.required("isthing", as_flag)))
        else:
            flags.append(entry.optional("isthing", as_flag, things))
        colors.append(color)
    if unread:
        more = f" So are those of {len(unread) - 1} more." if len(unread) > 1 else ""
        warnings.warn(f"{problems.file}: {unread[0]}. It is replaced by another color.{more}", stacklevel=4)
    classes = Classes.make(names, flags, fill_colors(colors), ids, void)
    return replace(classes, void_colors=tuple(void_colors))


def _tell_void(entry: JsonEntry, file: Path) -> None:
    name = str(entry.values["name"]).strip()
    warnings.warn(
        f"{file}: '{name}' counts as void, which is neither learned nor evaluated. If it is a class, give it another "
        f"name, or list it with 'isvoid' 0.",
        stacklevel=5,
    )


def _color(entry: JsonEntry, unread: list[str]) -> Color | None:
    """Returns the color of a category, None where there is none. Adds to `unread` what cannot be read."""
    value = entry.values.get("color")
    if value is None:
        return None
    try:
        return as_color(value)
    except NotThisError as needed:
        name = entry.values.get("name")
        unread.append(f"{entry.place}: 'color' of {shown(name)} is {shown(value)}, which is not {needed}")
        return None


def _add_palette(palette: object, entries: list[object], problems: Problems) -> None:
    """Gives the categories without a color that of a palette, which may hold one more color, for void."""
    if palette is None:
        return
    if not isinstance(palette, list) or len(palette) < len(entries):
        problems.add(
            f"palette is {shown(palette)}, but must be a list of {counted(entries, 'color')}, one for each class. "
            "Correct it or leave it out."
        )
        return
    for number, (entry, color) in enumerate(zip(entries, palette, strict=False)):
        if isinstance(entry, dict) and entry.get("color") is None:
            entries[number] = {**entry, "color": color}
