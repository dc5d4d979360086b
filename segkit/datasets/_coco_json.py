"""COCO's JSON files, checked as a whole when they are read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segkit.classes import Classes
from segkit.data.class_list import check_classes
from segkit.errors import DataError, join_first

Entry = dict[str, Any]
"""A mapping in the JSON file: an image, an annotation, a category."""

ValueKind = tuple[str, tuple[type, ...]]
"""What a value must be: in words and as types."""

WHOLE: ValueKind = ("a whole number", (int,))
NUMBER: ValueKind = ("a number", (int, float))
TEXT: ValueKind = ("text", (str,))
LIST: ValueKind = ("a list", (list,))
ID: ValueKind = ("a whole number or text", (int, str))
FLAG: ValueKind = ("0 or 1", (int,))
SEGMENTATION: ValueKind = ("a list of polygons, or run lengths", (list, dict))

RequiredKeys = dict[str, ValueKind]
"""The keys that an entry must have, and what their values must be."""


@dataclass(frozen=True)
class CocoFile:
    """A parsed JSON file whose lists are checked and whose annotations are assigned to their images."""

    file: Path
    classes: Classes
    images: list[Entry]
    annotations: list[list[Entry]]
    """The annotations of each image, in the order of `images`."""


def read_coco(file: Path, *, image: RequiredKeys, annotation: RequiredKeys, category: RequiredKeys) -> CocoFile:
    """Reads a COCO JSON file.

    Args:
        file: the JSON file.
        image: required keys of each entry of the list 'images'.
        annotation: required keys of each entry of the list 'annotations'.
        category: required keys of each entry of the list 'categories'.

    Raises:
        DataError: the file cannot be read, an entry is incomplete, or an annotation belongs to no image of the file.
            The message names the file and the entry.
    """
    # RecursionError: lists nested too deeply. Bytes: json detects the encoding itself.
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{file}: cannot read JSON ({reason}). Restore the file or correct the path.") from None
    required = {"images": image, "annotations": annotation, "categories": category}
    missing = [name for name in required if not isinstance(data, dict) or not isinstance(data.get(name), list)]
    if missing:
        raise DataError(
            f"{file}: there is no list {' or '.join(map(repr, missing))}. A COCO file is a mapping with the lists "
            f"'images', 'annotations' and 'categories'. Point 'annotations' at such a file."
        )
    for name, keys in required.items():
        check_entries(data[name], keys, f"{file}: {name}")
    for name in ("images", "categories"):
        if not data[name]:
            raise DataError(f"{file}: the list '{name}' is empty. Point 'annotations' at a file that has {name}.")
    annotations = _by_image(data["images"], data["annotations"], file)
    return CocoFile(file, _classes(data["categories"], file), data["images"], annotations)


def check_entries(entries: list[Any], required: RequiredKeys, where: str) -> None:
    """Checks that each entry is a mapping with the required keys and values.

    Raises:
        DataError: an entry is not. The message starts with `where` and gives the place of the first one.
    """
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DataError(f"{where}[{number}] is not a mapping. Required keys: {', '.join(required)}.")
        for key, (words, types) in required.items():
            if key not in entry:
                raise DataError(f"{where}[{number}] has no '{key}'. Required keys: {', '.join(required)}.")
            if not isinstance(entry[key], types):
                raise DataError(f"{where}[{number}].{key} is {str(entry[key])[:40]!r}, but must be {words}.")


def _by_image(images: list[Entry], annotations: list[Entry], file: Path) -> list[list[Entry]]:
    """Returns the annotations of each image, in the file's order."""
    # Of images with the same id, the last one wins here, so that the others differ from their position below.
    position = {image["id"]: number for number, image in enumerate(images)}
    if len(position) < len(images):
        repeated = {str(image["id"]) for number, image in enumerate(images) if position[image["id"]] != number}
        raise DataError(
            f"{file}: 'images' lists the ids {join_first(sorted(repeated))} more than once. Give each image its own id."
        )
    unknown = {str(entry["image_id"]) for entry in annotations if entry["image_id"] not in position}
    if unknown:
        raise DataError(
            f"{file}: there are annotations of the image ids {join_first(sorted(unknown))}, which 'images' does not "
            f"list. Add the images or remove these annotations."
        )
    found: list[list[Entry]] = [[] for _ in images]
    for entry in annotations:
        found[position[entry["image_id"]]].append(entry)
    return found


def _classes(categories: list[Entry], file: Path) -> Classes:
    """Returns the classes in the file's order. Without `isthing`, as in instance files, all are things."""
    colors = [category["color"] for category in categories] if all("color" in entry for entry in categories) else None
    names = [category["name"] for category in categories]
    things = [bool(category.get("isthing", 1)) for category in categories]
    try:
        classes = Classes.make(names, things, colors, [category["id"] for category in categories])
    except (TypeError, ValueError):
        raise DataError(
            f"{file}: a color in 'categories' is not three numbers. Write [red, green, blue], or leave out all colors."
        ) from None
    check_classes(classes, str(file))
    return classes
