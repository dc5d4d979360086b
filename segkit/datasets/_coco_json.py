"""COCO's JSON files: the lists that both formats have, read strictly."""

import warnings
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from segkit.data.json_values import (
    Id,
    JsonEntry,
    as_id,
    as_integer,
    as_positive,
    as_text,
    is_padded,
    read_json,
    shown,
)
from segkit.data.problems import Problems
from segkit.datasets._class_choice import ClassChoice
from segkit.datasets._coco_categories import category_id, read_categories
from segkit.datasets._image_files import ListedFiles
from segkit.errors import DataError, DataWarning, counted
from segkit.types import Size

_LISTS = ("images", "annotations", "categories")
"""What makes a JSON file one of COCO."""

_MOST_PIXELS = 2**31 - 1
"""Run lengths are 32-bit numbers."""


@dataclass(frozen=True)
class CocoImage:
    """An entry of the list 'images'."""

    id: Id
    file_name: str
    size: Size | None
    """Height and width; None where the format does not need them."""


class CocoFile:
    """A parsed COCO file: its classes and images, and its annotations, which each format reads in its own way.

    Problems are collected in `problems`. Whoever has read the annotations calls `problems.raise_any()`.

    Args:
        file: The JSON file.
        folder: The folder of the images, whose files must exist.
        problems: Those of the file.
        sizes: Whether each image must have a height and width.
        isthing: Whether each category must have `isthing`. Without it, all classes are things.
        choice: The setting `classes` of a dataset.

    Raises:
        DataError: the file is no COCO file.
    """

    def __init__(
        self,
        file: Path,
        folder: Path,
        problems: Problems,
        *,
        sizes: bool,
        isthing: bool,
        choice: ClassChoice | None = None,
    ) -> None:
        lists = _lists(file)
        self.file, self.problems = file, problems
        self.annotations: list[object] = lists["annotations"]
        categories = read_categories(lists["categories"], self.annotations, problems, isthing=isthing, choice=choice)
        self.classes, self._label_of = categories.classes, categories.label_of
        self._index_of: dict[Id, int] = {}
        self._unclear: set[Id] = set()
        self._ids_are_sound = True
        self.image_entries: list[object] = lists["images"]
        self.images = self._read_images(lists["images"], folder, sizes)

    def _read_images(self, entries: list[object], folder: Path, sizes: bool) -> list[CocoImage]:
        before = self.problems.count
        listed: list[tuple[Id, str, Size | None]] = []
        self._files = files = ListedFiles(folder, "images", self.problems)
        for number, value in enumerate(entries):
            entry = JsonEntry(value, f"images[{number}]", self.problems)
            id, (key, name) = entry.required("id", as_id), _file_name(entry)
            size = _size(entry) if sizes else None
            if id is None:
                self._ids_are_sound = False
            elif (first := self._index_of.setdefault(id, number)) != number:
                entry.problem(f"images[{first}] has the same id. Give each image its own id.")
                # Annotations of images of one size are checked all the same.
                self._unclear |= {id} if size is None or size != listed[first][2] else set()
            if name is not None:
                files.add(entry, key, name)
            listed.append((-1 if id is None else id, name or "", size))
        files.check()
        images = [CocoImage(id, files.name_of(name), size) for id, name, size in listed]
        if self.problems.count == before:
            self._warn_of_repeated(images)
        return images

    def images_there(self) -> list[CocoImage]:
        """Returns the images whose files exist."""
        return [image for image in self.images if self._files.is_there(image.file_name)]

    def _warn_of_repeated(self, images: list[CocoImage]) -> None:
        first_of: dict[str, int] = {}
        repeated = [
            f"images[{number}] (id {shown(image.id)}), as images[{first_of[image.file_name]}]"
            for number, image in enumerate(images)
            if first_of.setdefault(image.file_name, number) != number
        ]
        if repeated:
            verb = "lists" if len(repeated) == 1 else "list"
            message = (
                f"{self.file}: {counted(repeated, 'image')} {verb} a file that another one lists. What only one of "
                f"them annotates is background in the other. The first is {repeated[0]}."
            )
            warnings.warn(DataWarning(message, repeated), stacklevel=5)

    def image_of(self, entry: JsonEntry) -> int | None:
        """Returns the index of the image that an annotation's 'image_id' names, or None where there is a problem."""
        id = entry.required("image_id", as_id)
        if id is None:
            return None
        # A number that only one of the two lists writes as text means the same image.
        key = id if id in self._index_of else _other_form(id)
        if key in self._unclear:
            return None
        index = self._index_of.get(key)
        # Where images lack their ids, each of their annotations would be a problem as well: those would hide the cause.
        if index is None and self._ids_are_sound:
            entry.problem(
                f"'image_id' is {shown(id)}, but 'images' does not list this id{_padded_hint(id, self._index_of)}. Add "
                f"the image or remove the annotation."
            )
        return index

    def label_of(self, entry: JsonEntry) -> int | None:
        """Returns the class index that 'category_id' names, LEFT_OUT, or None where there is a problem."""
        id = entry.required("category_id", _as_category_id)
        if id is None or self._label_of is None:
            return None
        label = self._label_of.get(id)
        if label is None:
            entry.problem(
                f"'category_id' is {shown(id)}, but 'categories' does not list this id"
                f"{_padded_hint(id, self._label_of)}. Add it there, or correct it here."
            )
        return label


def looks_like_coco(data: object) -> str:
    """Returns `panoptic` or `instance` for the content of a COCO file, an empty text for any other.

    Example:
        >>> looks_like_coco({"images": [], "annotations": [{"segments_info": []}], "categories": []})
        'panoptic'
    """
    if not isinstance(data, dict) or not all(isinstance(data.get(name), list) for name in _LISTS):
        return ""
    first = next(iter(data["annotations"]), None)
    return "panoptic" if isinstance(first, dict) and "segments_info" in first else "instance"


def _lists(file: Path) -> dict[str, list[object]]:
    """Reads the three lists of a COCO file."""
    data = read_json(file)
    lists: dict[str, list[object]] = {}
    if isinstance(data, dict):
        lists = {name: data[name] for name in _LISTS if isinstance(data.get(name), list)}
    missing = [name for name in _LISTS if name not in lists]
    if missing:
        raise DataError(
            f"{file}: there is no list {' or '.join(map(repr, missing))}. A COCO file is a mapping with the lists "
            f"'images', 'annotations' and 'categories'. Point 'annotations' at such a file."
        )
    for name in ("images", "categories"):
        if not lists[name]:
            raise DataError(f"{file}: the list '{name}' is empty. Point 'annotations' at a file that has {name}.")
    return lists


def _file_name(entry: JsonEntry) -> tuple[str, str | None]:
    """Returns the name of an image's file, and the key that gives it. LVIS gives an address on the web instead."""
    if entry.values.get("file_name") is None and isinstance(entry.values.get("coco_url"), str):
        address = entry.required("coco_url", as_text)
        return "coco_url", None if address is None else "/".join(address.split("/")[-2:])
    return "file_name", entry.required("file_name", as_text)


def _as_category_id(value: object) -> Id:
    id = category_id(value)
    return as_id(value) if id is None else id


def _size(entry: JsonEntry) -> Size | None:
    height, width = entry.required("height", as_positive), entry.required("width", as_positive)
    if height is None or width is None:
        return None
    if height * width > _MOST_PIXELS:
        entry.problem(
            f"the image has {width}x{height} pixels, but run lengths hold at most {_MOST_PIXELS}. "
            "Correct 'height' and 'width', or cut the image into tiles."
        )
        return None
    return height, width


def _padded_hint(id: Id, known: Container[Id]) -> str:
    """Tells that an id which is listed differs in leading zeros alone."""
    if isinstance(id, str) and is_padded(id) and (as_integer(id) in known or str(as_integer(id)) in known):
        return f", only {as_integer(id)}: with leading zeros, text is another id"
    return ""


def _other_form(id: Id) -> Id:
    """Returns the number that a text spells, or the text of a number. Text with leading zeros spells none."""
    if isinstance(id, int):
        return str(id)
    if is_padded(id):
        return id
    try:
        return as_integer(id)
    except ValueError:
        return id
