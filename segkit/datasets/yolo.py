"""The dataset `yolo`, for instance segmentation."""

import math
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from segkit.classes import Classes
from segkit.data.class_list import read_classes
from segkit.data.images import read_image
from segkit.data.listing import named
from segkit.data.paths import dataset_path
from segkit.data.problems import Problems
from segkit.data.text import read_text
from segkit.datasets._instances import AnnotatedImage, Instance, InstanceDataset
from segkit.datasets._masks import Fractions, encloses_nothing
from segkit.datasets._segments import Segment
from segkit.datasets._split import Split
from segkit.datasets._yolo_folders import YoloImage, images_of, key_of, surplus_labels
from segkit.errors import DataWarning, counted
from segkit.registries import DATASETS

_BEYOND = 0.1
"""Outlines that reach beyond the image by more than this fraction of it belong to another image or are in pixels."""

_BOX = 5
"""Numbers of a line that holds a class and a box."""


@DATASETS.register("yolo")
class Yolo(InstanceDataset):
    """Images with the text files of YOLO segmentation, and the `data.yaml` that names folders and classes.

    `images/a.jpg` belongs to `labels/a.txt`, whose lines hold the number of a class and an outline in fractions of the
    image. An image without text file has no objects. Samples follow the order of names. Lines with a box alone are left
    out with a warning. Pixels outside all instances are background, not void.

    All text files are checked when the dataset is built, and all problems are listed.

    Args:
        data: The file `data.yaml`. Relative paths lead to the folder `$SEGKIT_DATASETS`, or to ./datasets.
        split: The key in that file which names the images, such as `train`, `val` or `test`; `{share: 0.2, seed: 0}`
            for a fifth of the images of `train`; or `{all_but: 0.2, seed: 0}` for the others.

    Raises:
        DataError: a path does not exist, or a file is incomplete or inconsistent.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("images", "labels"):
        ...         Path(folder, name).mkdir()
        ...     Image.new("RGB", (4, 2)).save(f"{folder}/images/a.png")
        ...     _ = Path(folder, "labels/a.txt").write_text("0 0 0 0.5 0 0.5 1 0 1")
        ...     _ = Path(folder, "data.yaml").write_text("train: images\\nnames: [cat]")
        ...     dataset = Yolo(data=f"{folder}/data.yaml", split="train")
        ...     sample = dataset[0]
        >>> dataset.classes.names, sample.target.masks.sum().item()
        (('cat',), 4)
    """

    def __init__(self, *, data: str | Path, split: Split) -> None:
        file = dataset_path(data)
        listed = read_classes(file)
        classes = Classes.make(listed.names, None, listed.colors, listed.ids)
        images = images_of(file, split)
        problems = Problems(file)
        instances: list[Instance] = []
        boxes: list[str] = []
        empty: list[str] = []
        equal: list[str] = []
        for index, image in enumerate(images):
            if image.label is not None:
                reader = _Reader(problems.of(image.label), image.label, classes.ids)
                instances += [
                    (Segment(index, label, False, math.nan), Fractions([outline])) for label, outline in reader.read()
                ]
                boxes += reader.boxes
                empty += reader.empty
                equal += reader.equal
        if boxes and not instances and not problems.count:
            problems.add(
                f"'{key_of(split)}' has no outline, but boxes alone: {counted(boxes, 'line')}. Export outlines."
            )
        problems.leave_unread(partial(read_image, image.file) for image in images)
        problems.raise_any()
        _warn(file, images, len(instances), boxes, empty, equal)
        super().__init__(classes, [AnnotatedImage(image.file, image.name, None, file) for image in images], instances)


class _Reader:
    """Reads one text file.

    Args:
        problems: Takes the problems of the file.
        file: The text file.
        ids: The numbers of the classes.
    """

    def __init__(self, problems: Problems, file: Path, ids: Sequence[int]) -> None:
        self._problems, self._file = problems, file
        self._label_of = {f"{id}": label for label, id in enumerate(ids)}
        self._unknown: dict[str, list[int]] = {}  # the lines of each word that is no class
        self.boxes: list[str] = []
        """The places of lines that hold a box alone."""
        self.empty: list[str] = []
        """The places of outlines that enclose nothing, or nothing of the image."""
        self.equal: list[str] = []
        """The places of lines that repeat an earlier one."""

    def read(self) -> Iterator[tuple[int, list[float]]]:
        """Yields class index and outline of each line."""
        seen: set[tuple[float, ...]] = set()
        for number, line in enumerate(read_text(self._file, "YOLO labels").splitlines(), start=1):
            words = line.split()
            if not words:
                continue
            outline = self._outline(words, number)
            if outline is not None:
                label = self._label_of[words[0].removesuffix(".0")]
                if (label, *outline) in seen:
                    self.equal.append(f"{self._file}, line {number}")
                seen.add((label, *outline))
                yield label, outline
        for word, lines in self._unknown.items():
            more = f", here and in {counted(len(lines) - 1, 'other line')}" if len(lines) > 1 else ""
            self._problems.add(
                f"line {lines[0]}: '{word[:40]}' is no class{more}. The classes are "
                f"{', '.join(list(self._label_of)[:10])}: correct the line, or 'names' in the data.yaml."
            )

    def _outline(self, words: list[str], number: int) -> list[float] | None:
        place = f"line {number}"
        label = words[0].removesuffix(".0")
        if label not in self._label_of:
            self._unknown.setdefault(words[0], []).append(number)
            return None
        numbers = [_number(word) for word in words[1:]]
        if any(map(math.isnan, numbers)):
            word = words[1 + list(map(math.isnan, numbers)).index(True)]
            self._problems.add(f"{place}: '{word[:40]}' is no number. Correct or remove the line.")
            return None
        if len(words) == _BOX:
            self.boxes.append(f"{self._file}, {place}")
            return None
        if len(numbers) < 6 or len(numbers) % 2:
            self._problems.add(
                f"{place}: there are {counted(numbers, 'number')} after the class, but an outline has an x and a "
                "y for each "
                "of at least three points. Correct or remove the line."
            )
            return None
        if min(numbers) < -_BEYOND or max(numbers) > 1 + _BEYOND:
            far = max(numbers, key=lambda value: abs(value - 0.5))
            self._problems.add(
                f"{place}: the coordinate {far:g} lies outside the image. Coordinates are fractions of its width and "
                f"height: divide those in pixels, and correct or remove others."
            )
            return None
        if encloses_nothing(numbers) or _lies_outside(numbers):
            self.empty.append(f"{self._file}, {place}")
            return None
        return numbers


def _lies_outside(outline: list[float]) -> bool:
    """Returns whether an outline, in fractions of the image, does not reach into it."""
    return any(max(axis) <= 0 or min(axis) >= 1 for axis in (outline[0::2], outline[1::2]))


def _number(word: str) -> float:
    """Returns a finite number, NaN for any other text."""
    try:
        number = float(word)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) and "_" not in word else math.nan


def _warn(
    file: Path, images: Sequence[YoloImage], outlines: int, boxes: list[str], empty: list[str], equal: list[str]
) -> None:
    if boxes:
        found = f"{len(boxes)} of {len(boxes) + outlines} lines hold a box but no outline and are left out: their"
        _warn_of(boxes, f"{file}: {found} objects count as background. Draw their outlines to learn from them.")
    if empty:
        found = "1 outline encloses" if len(empty) == 1 else f"{counted(empty, 'outline')} enclose"
        _warn_of(empty, f"{file}: left out: {found} nothing in the image. Correct or remove the lines.")
    if equal:
        found = "1 line repeats" if len(equal) == 1 else f"{counted(equal, 'line')} repeat"
        twice = "an earlier one of the same file, so the object counts twice. Remove one of both."
        _warn_of(equal, f"{file}: {found} {twice}")
    surplus = surplus_labels(images)
    if surplus:
        warnings.warn(
            f"{file}: left out: {counted(surplus, 'text file')} without an image of the same name: {named(surplus)}. "
            f"Restore the images, or remove the files.",
            stacklevel=3,
        )
    without = [image.file for image in images if image.label is None]
    if without:
        warnings.warn(
            f"{file}: {counted(without, 'image')} without a text file, so without objects: {named(without)}.",
            stacklevel=3,
        )


def _warn_of(lines: list[str], text: str) -> None:
    warnings.warn(DataWarning(f"{text} The first is {lines[0]}.", lines), stacklevel=4)
