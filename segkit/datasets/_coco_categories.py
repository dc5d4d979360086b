"""The categories of a COCO file as classes: chosen by the setting `classes`, or all that stand for objects."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segkit.classes import Classes
from segkit.data.categories import classes_of
from segkit.data.class_list import check_classes, check_unique
from segkit.data.json_values import Id, NotThisError, as_id, as_integer, is_padded
from segkit.data.problems import Problems
from segkit.datasets._class_choice import ClassChoice, choose
from segkit.errors import DataError, join_first

LEFT_OUT = -1
"""Label of the categories that no class stands for."""

_BACKGROUND = frozenset({"_background_", "__background__", "background", "__ignore__"})
"""Names under which tools list what is no object."""

_NOTHING_ABOVE = (None, "", "none")
"""The supercategory of a category that stands above all others."""


@dataclass(frozen=True)
class Categories:
    """The classes, and the category ids that stand for them."""

    classes: Classes
    label_of: dict[Id, int] | None
    """Id -> class index or LEFT_OUT. Where the categories have problems, it only tells which ids they have; None where
    that is not clear."""


def read_categories(
    entries: list[object],
    annotations: Sequence[object],
    problems: Problems,
    *,
    isthing: bool,
    choice: ClassChoice | None,
) -> Categories:
    """Reads the list 'categories'.

    Args:
        entries: The list.
        annotations: The list 'annotations': where `isthing` is False, a category without annotations is no class if its
            name says background, or if other categories name it as their supercategory.
        problems: Takes the problems.
        isthing: Whether each category must have `isthing`. Without it, all classes are things.
        choice: The setting `classes`.
    """
    before = problems.count
    written = [entry.get("id") if isinstance(entry, dict) else None for entry in entries]
    text_ids, entries = _numbered(entries, problems.file)
    required = ("id", "isthing") if isthing else ("id",)
    classes = classes_of(entries, "categories", problems, required=required, things=True)
    if problems.count > before:
        return Categories(classes, _known_ids(entries, text_ids))
    ids: list[Id] = text_ids or list(classes.ids)
    try:
        check_unique(ids, "id", "categories")
        if choice is not None:
            names, label_of_name = choose(choice, classes.names, "'categories'")
            labels = [label_of_name.get(name, LEFT_OUT) for name in classes.names]
        else:
            everything = list(range(len(ids)))
            kept = everything if isthing else _objects(entries, classes.names, ids, annotations, problems.file)
            names = [classes.names[place] for place in kept]
            labels = [kept.index(place) if place in kept else LEFT_OUT for place in range(len(ids))]
        chosen = _as_written(_chosen(classes, names, labels), entries, written)
        check_classes(chosen, "categories")
    except DataError as error:
        for line in str(error).splitlines():
            problems.add(line)
        return Categories(classes, None)
    return Categories(chosen, dict(zip(ids, labels, strict=True)))


def _known_ids(entries: list[object], text_ids: list[Id] | None) -> dict[Id, int] | None:
    """Returns the ids of categories that have problems, None where some have no id, or the same."""
    read = [category_id(entry.get("id")) if isinstance(entry, dict) else None for entry in entries]
    ids = text_ids or [id for id in read if id is not None]
    # Of an id that is wrong, each annotation would be a problem as well: those would hide the cause.
    return dict.fromkeys(ids, 0) if len(set(ids)) == len(entries) else None


def _chosen(classes: Classes, names: list[str], labels: list[int]) -> Classes:
    """Returns the chosen classes: each has the color, the id and the kind of its first category."""
    first = [labels.index(label) for label in range(len(names))]
    return Classes.make(
        names,
        [classes.things[place] for place in first],
        [classes.colors[place] for place in first],
        [classes.ids[place] for place in first],
    )


def _as_written(classes: Classes, entries: list[object], written: list[object]) -> Classes:
    """Returns classes that know their ids as the file writes them, if it writes text.

    Args:
        classes: The classes.
        entries: The categories, with numbers as ids.
        written: The ids of the same categories in the file.
    """
    texts = {
        as_integer(entry["id"]): text
        for entry, text in zip(entries, written, strict=True)
        if isinstance(entry, dict) and isinstance(text, str)
    }
    return replace(classes, written_ids=tuple(texts.get(id, id) for id in classes.ids)) if texts else classes


def _numbered(entries: list[object], file: Path) -> tuple[list[Id] | None, list[object]]:
    """Returns the ids and the categories with their places in the list as ids, where ids are text; else None."""
    ids = [category_id(entry.get("id")) if isinstance(entry, dict) else None for entry in entries]
    text = [id for id in ids if isinstance(id, str)]
    known = [id for id in ids if id is not None]
    if not text or len(known) < len(ids):
        return None, entries
    warnings.warn(
        f"{file}: the ids of 'categories' are text, such as '{text[0]}'. JSON results of `segkit test` have them too; "
        f"label maps and `segkit predict` have the numbers 0, 1, 2, … in the order of the list instead.",
        stacklevel=5,
    )
    numbered = [{**entry, "id": place} for place, entry in enumerate(entries) if isinstance(entry, dict)]
    return known, list(numbered)


def category_id(value: object) -> Id | None:
    """Converts the id of a category: a number, or text that is no number. Returns None where it is neither.

    Text with leading zeros is no number: "01" and "1" may be two ids.

    Example:
        >>> category_id("7"), category_id("07"), category_id("c7"), category_id(None)
        (7, '07', 'c7', None)
    """
    try:
        if not (isinstance(value, str) and is_padded(value)):
            return as_integer(value)
    except NotThisError:
        pass
    try:
        return as_id(value) if isinstance(value, str) else None
    except NotThisError:
        return None


def _objects(
    entries: list[object], names: Sequence[str], ids: list[Id], annotations: Sequence[object], file: Path
) -> list[int]:
    """Returns the places of the categories that stand for objects. Warns of the others."""
    used = {category_id(one.get("category_id")) for one in annotations if isinstance(one, dict)}
    above = [entry.get("supercategory") for entry in entries if isinstance(entry, dict)]
    left_out = [
        place
        for place, name in enumerate(names)
        if ids[place] not in used and (name in _BACKGROUND or (name in above and (above[place] in _NOTHING_ABOVE)))
    ]
    if not left_out or len(left_out) == len(names):
        return list(range(len(names)))
    quoted = join_first([f"'{names[place]}'" for place in left_out])
    warnings.warn(
        f"{file}: left out of the classes, since it names no object and nothing is annotated with it: {quoted}. Name "
        f"all "
        f"classes in 'classes' to keep it.",
        stacklevel=5,
    )
    return [place for place in range(len(names)) if place not in left_out]
