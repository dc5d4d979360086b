"""COCO's JSON files, checked as a whole when they are read, and their segments in little memory.

A parsed JSON file takes a Python object per number. What is kept of it here are a few flat arrays and the file names,
which all loading workers share.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segkit.classes import Classes
from segkit.data.class_list import check_classes
from segkit.data.paths import dataset_path
from segkit.errors import DataError

Entry = dict[str, Any]
"""A mapping of the JSON file: an image, an annotation, a category."""

Kind = tuple[str, tuple[type, ...]]
"""What a value has to be, in words and in types."""

WHOLE: Kind = ("a whole number", (int,))
NUMBER: Kind = ("a number", (int, float))
TEXT: Kind = ("text", (str,))
LIST: Kind = ("a list", (list,))
ID: Kind = ("a whole number or text", (int, str))
FLAG: Kind = ("0 or 1", (int,))
SEGMENTATION: Kind = ("a list of polygons, or run lengths", (list, dict))

Needed = dict[str, Kind]
"""The keys an entry must have, and what their values have to be."""


@dataclass(frozen=True)
class Segments:
    """What the segments (or instances) of all images are, flat; those of image i are `of(i)`."""

    starts: npt.NDArray[np.int64]
    """(images + 1,): image i has the segments starts[i] .. starts[i+1] - 1."""
    labels: npt.NDArray[np.int64]
    """(S,) class index."""
    is_crowd: npt.NDArray[np.bool_]
    """(S,)"""
    areas: npt.NDArray[np.float32]
    """(S,) in pixels, as the file gives them."""

    def of(self, image: int) -> npt.NDArray[np.int64]:
        """(N,) the indices of an image's segments; what they index is copied, so that nobody changes the data set.
        As in a list, image -1 is the last."""
        image %= len(self.starts) - 1
        return np.arange(self.starts[image], self.starts[image + 1])


@dataclass(frozen=True)
class CocoFile:
    """A JSON file as it was parsed, its lists checked and its annotations put to their images."""

    file: Path
    classes: Classes
    images: list[Entry]
    annotations: list[list[Entry]]
    """Those of each image, in the order of `images`."""


def read_coco(file: Path, *, image: Needed, annotation: Needed, category: Needed) -> CocoFile:
    """The file with the keys given here in each entry of its three lists.

    Raises DataError, which names the file and the entry, where it cannot be read, lacks something, or refers to an
    image that it does not list.
    """
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            f"{file}: no JSON can be read here ({reason}). Restore the file, or correct the path."
        ) from None
    needed = {"images": image, "annotations": annotation, "categories": category}
    missing = [name for name in needed if not isinstance(data, dict) or not isinstance(data.get(name), list)]
    if missing:
        raise DataError(
            f"{file}: there is no list {' or '.join(map(repr, missing))}. A COCO file is a mapping with the lists "
            f"'images', 'annotations' and 'categories'; point 'annotations' at such a file."
        )
    for name, keys in needed.items():
        check_entries(data[name], keys, f"{file}: {name}")
    for name in ("images", "categories"):
        if not data[name]:
            raise DataError(f"{file}: the list '{name}' is empty. Point 'annotations' at a file that has some.")
    annotations = _by_image(data["images"], data["annotations"], file)
    return CocoFile(file, _classes(data["categories"], file), data["images"], annotations)


def check_entries(entries: list[Any], needed: Needed, where: str) -> None:
    """Raises DataError, with the place of the first wrong entry after `where`, unless all are as needed."""
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DataError(f"{where}[{number}] is no mapping. It needs: {', '.join(needed)}")
        for key, (words, types) in needed.items():
            if key not in entry:
                raise DataError(f"{where}[{number}] has no '{key}'. It needs: {', '.join(needed)}")
            if not isinstance(entry[key], types):
                raise DataError(f"{where}[{number}].{key} is {str(entry[key])[:40]!r}, where {words} is needed.")


def make_segments(parsed: CocoFile, per_image: list[list[Entry]], names: list[str]) -> Segments:
    """The segments of `per_image`, one list for each of the file's images; `names` are the files to name in an error.

    Raises DataError where a segment is of a category that the file does not list.
    """
    class_of = {stored: index for index, stored in enumerate(parsed.classes.ids)}
    for image, name, entries in zip(parsed.images, names, per_image, strict=True):
        unknown = {entry["category_id"] for entry in entries} - class_of.keys()
        if unknown:
            raise DataError(
                f"{parsed.file}: image {image['id']} ({name}) has segments of the category ids {listing(unknown)}, "
                f"which 'categories' does not list. Add them there, or correct the segments."
            )
    flat = [entry for entries in per_image for entry in entries]
    return Segments(
        np.cumsum([0, *map(len, per_image)], dtype=np.int64),
        np.array([class_of[entry["category_id"]] for entry in flat], dtype=np.int64),
        np.array([bool(entry.get("iscrowd", 0)) for entry in flat], dtype=np.bool_),
        np.array([entry["area"] for entry in flat], dtype=np.float32),
    )


def dataset_folder(path: str) -> Path:
    """The folder that `path` names in a config; raises DataError where there is none."""
    folder = dataset_path(path)
    if not folder.is_dir():
        raise DataError(f"{folder}: this is a file, where a folder is needed.")
    return folder


def listing(values: Iterable[Any]) -> str:
    """The first ten, for messages."""
    ordered = sorted(values)
    return ", ".join(map(str, ordered[:10])) + (", …" if len(ordered) > 10 else "")


def _by_image(images: list[Entry], annotations: list[Entry], file: Path) -> list[list[Entry]]:
    """The annotations of each image, in the file's order."""
    position = {image["id"]: number for number, image in enumerate(images)}
    if len(position) < len(images):
        twice = {str(image["id"]) for number, image in enumerate(images) if position[image["id"]] != number}
        raise DataError(f"{file}: 'images' lists the ids {listing(twice)} more than once. Give each image its own id.")
    unknown = {str(entry["image_id"]) for entry in annotations if entry["image_id"] not in position}
    if unknown:
        raise DataError(
            f"{file}: there are annotations of the image ids {listing(unknown)}, which 'images' does not list. Add the "
            f"images, or take these annotations out."
        )
    found: list[list[Entry]] = [[] for _ in images]
    for entry in annotations:
        found[position[entry["image_id"]]].append(entry)
    return found


def _classes(categories: list[Entry], file: Path) -> Classes:
    """In the file's order; all things where it does not say, as in files of instances."""
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
