"""COCO's JSON files: the lists that both formats have, read strictly."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from segkit.classes import Classes
from segkit.data.categories import classes_of
from segkit.data.class_list import check_classes
from segkit.data.json_values import Id, JsonEntry, as_id, as_integer, as_positive, as_text, read_json, shown
from segkit.data.problems import Problems
from segkit.datasets._image_files import MissingFiles
from segkit.errors import DataError
from segkit.types import Size

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
        sizes: Whether each image must have a height and width.
        isthing: Whether each category must have `isthing`. Without it, all classes are things.

    Raises:
        DataError: the file is no COCO file.
    """

    def __init__(self, file: Path, folder: Path, *, sizes: bool, isthing: bool) -> None:
        data = read_json(file)
        names = ("images", "annotations", "categories")
        lists: dict[str, list[object]] = {}
        if isinstance(data, dict):
            lists = {name: data[name] for name in names if isinstance(data.get(name), list)}
        missing = [name for name in names if name not in lists]
        if missing:
            raise DataError(
                f"{file}: there is no list {' or '.join(map(repr, missing))}. A COCO file is a mapping with the lists "
                f"'images', 'annotations' and 'categories'. Point 'annotations' at such a file."
            )
        self.file, self.problems = file, Problems(file)
        for name in ("images", "categories"):
            if not lists[name]:
                raise DataError(f"{file}: the list '{name}' is empty. Point 'annotations' at a file that has {name}.")
        self.annotations: list[object] = lists["annotations"]
        self.classes = self._read_classes(lists["categories"], isthing)
        self.images = self._read_images(lists["images"], folder, sizes)

    def _read_classes(self, categories: list[object], isthing: bool) -> Classes:
        before = self.problems.count
        required = ("id", "isthing") if isthing else ("id",)
        classes = classes_of(categories, "categories", self.problems, required=required, things=True)
        self._label_of: dict[int, int] | None = None
        if self.problems.count == before:
            self._label_of = {stored: label for label, stored in enumerate(classes.ids)}
            try:
                check_classes(classes, "categories")
            except DataError as error:
                self.problems.add(str(error))
                self._label_of = None
        return classes

    def _read_images(self, entries: list[object], folder: Path, sizes: bool) -> list[CocoImage]:
        before = self.problems.count
        images: list[CocoImage] = []
        first_of: dict[str, int] = {}
        repeated: list[str] = []
        self._index_of: dict[Id, int] | None = {}
        files = MissingFiles(folder, "images", self.problems)
        for number, value in enumerate(entries):
            entry = JsonEntry(value, f"images[{number}]", self.problems)
            id, name = entry.required("id", as_id), entry.required("file_name", as_text)
            size = _size(entry) if sizes else None
            if id is not None and self._index_of.setdefault(id, number) != number:
                entry.problem(f"images[{self._index_of[id]}] has the same id. Give each image its own id.")
            if name is not None:
                files.add(entry, "file_name", name)
                if first_of.setdefault(name, number) != number:
                    repeated.append(f"{entry.place}, as images[{first_of[name]}]")
            images.append(CocoImage(-1 if id is None else id, name or "", size))
        # Where ids are missing or repeated, each annotation would be a problem as well: those would hide the cause.
        if self.problems.count > before:
            self._index_of = None
        files.check()
        if repeated and not self.problems.count:
            counted = "1 image lists" if len(repeated) == 1 else f"{len(repeated)} images list"
            warnings.warn(
                f"{self.file}: {counted} a file that another one lists. What only one of them annotates is background "
                f"in the other. The first is {repeated[0]}.",
                stacklevel=4,
            )
        return images

    def image_of(self, entry: JsonEntry) -> int | None:
        """Returns the index of the image that an annotation's 'image_id' names, or None where there is a problem."""
        id = entry.required("image_id", as_id)
        if id is None or self._index_of is None:
            return None
        index = self._index_of.get(id)
        if index is None:
            # A number that only one of the two lists writes as text means the same image.
            index = self._index_of.get(_other_form(id))
        if index is None:
            entry.problem(
                f"'image_id' is {shown(id)}, but 'images' does not list this id. Add the image or remove the "
                f"annotation."
            )
        return index

    def label_of(self, entry: JsonEntry) -> int | None:
        """Returns the class index that 'category_id' names, or None where there is a problem."""
        id = entry.required("category_id", as_integer)
        if id is None or self._label_of is None:
            return None
        label = self._label_of.get(id)
        if label is None:
            entry.problem(
                f"'category_id' is {id}, but 'categories' does not list this id. Add it there, or correct it here."
            )
        return label


def _size(entry: JsonEntry) -> Size | None:
    height, width = entry.required("height", as_positive), entry.required("width", as_positive)
    if height is None or width is None:
        return None
    if height * width > _MOST_PIXELS:
        entry.problem(f"the image has {width}x{height} pixels, but run lengths hold at most {_MOST_PIXELS}.")
        return None
    return height, width


def _other_form(id: Id) -> Id:
    """Returns the number that a text spells, or the text of a number."""
    if isinstance(id, int):
        return str(id)
    try:
        return as_integer(id)
    except ValueError:
        return id
