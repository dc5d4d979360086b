"""The meaning of the ids in label files: which class index each stands for."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt

from segkit.classes import Classes
from segkit.data.class_list import listed_classes, read_classes
from segkit.data.class_names import is_void
from segkit.data.json_values import NotThisError, as_integer
from segkit.data.paths import dataset_path
from segkit.errors import DataError, counted, join_first
from segkit.registries.signature import Bounds
from segkit.types import NO_SEGMENT

VOID = 255
"""The id of void in label files, by convention."""

UNKNOWN = -2
"""Stands in the table of class indices for ids without a meaning."""

BACKGROUND = -3
"""Stands in the table of class indices for ids of no class whose pixels are known to show none."""

IDS = 65536
"""Number of ids that 16 bits can hold."""

StoredId = Annotated[int, Bounds(least=0, most=IDS - 1)]
"""An id that a label file can hold."""

DEFAULT = "default"
"""Key of a label map for all ids that it does not name."""

ClassNames = list[str] | str | Path
"""Names, or a file that lists them."""

LabelMap = dict[str, int | str]
"""Id, range of ids, or `default` -> class name, class index, `void`, or in datasets of instances `background`."""


def class_list(classes: ClassNames, things: list[str] | None, first_id: int = 0, mapped: bool = False) -> Classes:
    """Returns the class list that the settings `classes` and `things` of a dataset describe.

    Args:
        classes: Names, or a file that lists them.
        things: Names of things. None: those that the file marks.
        first_id: The id of the first of the names; the next ones follow.
        mapped: Whether a label map replaces the ids, so that label files need not hold them.

    Raises:
        DataError: there is no class, a label file cannot hold an id, a name appears twice, or a thing is not in the
            list.
    """
    if isinstance(classes, str | Path):
        listed = read_classes(dataset_path(classes), as_integer if mapped else _as_label_id)
    else:
        listed = listed_classes(classes, "classes", first_id)
    if things is None:
        return listed
    indices = {listed.index(name) for name in things}
    return replace(listed, things=tuple(class_index in indices for class_index in range(len(listed))))


def _as_label_id(value: object) -> int:
    try:
        number = as_integer(value)
    except NotThisError:
        number = -1
    if not 0 <= number < IDS:
        raise NotThisError(f"a whole number from 0 to {IDS - 1}, which a label file can hold")
    return number


def class_index_table(
    classes: Classes, label_map: LabelMap | None, void: int | list[int] | None, background: bool = False
) -> tuple[Classes, npt.NDArray[np.int16]]:
    """Returns the classes with the ids that label files hold, and the table from id to class index.

    Args:
        classes: The class list; its ids count where there is no `label_map`.
        label_map: Id, range of ids such as `0-6`, or `default` -> class name, class index or `void`.
        void: Ids of void. None is those of the class list, or else 255 unless a class has this id or there is a
            background; an empty list is no id.
        background: Whether ids may be background: those that `label_map` calls so, and 0 if nothing else is said of it.

    Returns:
        The class list with its final ids, and (65536,) int16: class index, NO_SEGMENT for void,
        BACKGROUND, or UNKNOWN.

    Raises:
        DataError: the settings contradict each other.

    Example:
        >>> classes, table = class_index_table(Classes.make(["road", "car"]), {"7": "road", "26": "car"}, void=None)
        >>> classes.ids, table[[7, 26, 255, 8]].tolist()
        ((7, 26), [0, 1, -1, -2])
    """
    class_index_of = {stored: class_index for class_index, stored in enumerate(classes.ids)}
    default = UNKNOWN
    # A label map replaces all ids of the class list: a mixture of both would be hard to predict.
    if label_map is not None:
        class_index_of, default = _read_label_map(label_map, classes, background)
    if background and default == UNKNOWN:
        class_index_of.setdefault(0, BACKGROUND)
    void_ids = [void] if isinstance(void, int) else void
    if void_ids is None:
        # A dataset of more than 255 classes may use 255 for one of them, and one of instances for background.
        listed = [stored for stored in classes.void if stored not in class_index_of]
        void_ids = listed or ([] if VOID in class_index_of or background else [VOID])
    for stored in void_ids:
        if class_index_of.get(stored, NO_SEGMENT) >= 0:
            name = classes.names[class_index_of[stored]]
            raise DataError(f"void: {stored} is the id of '{name}'. Remove it from 'void'.")
        class_index_of[stored] = NO_SEGMENT
    outside = sorted(stored for stored in class_index_of if not 0 <= stored < IDS)
    if outside:
        raise DataError(f"void, label_map: a label file cannot hold the ids {join_first(outside)}. Use 0..{IDS - 1}.")
    # One entry per possible id, so that a whole label map is translated by indexing.
    table = np.full(IDS, default, dtype=np.int16)
    table[list(class_index_of)] = list(class_index_of.values())
    if default >= 0 and default not in class_index_of.values():
        class_index_of[int((table == default).argmax())] = default
    return Classes.make(classes.names, classes.things, classes.colors, _final_ids(classes, class_index_of)), table


def ids_in_words(classes: Classes, class_index_of: npt.NDArray[np.int16]) -> str:
    """Says which ids the classes have, and which classes have none since a label map leaves them out.

    Args:
        classes: With their final ids, as `class_index_table` returns them.
        class_index_of: (65536,) its table.

    Example:
        >>> names = Classes.make(["road", "car"])
        >>> ids_in_words(*class_index_table(names, None, None))
        'The 2 classes have the ids 0, 1.'
        >>> ids_in_words(*class_index_table(names, {"3": "car"}, None))
        "'label_map' gives ids to car (3), and none to road."
    """
    given = {name for index, name in enumerate(classes.names) if (class_index_of == index).any()}
    if len(given) == len(classes):
        who = "only class has the id" if len(classes) == 1 else f"{counted(classes, 'class')} have the ids"
        return f"The {who} {join_first(classes.ids, limit=5)}."
    if not given:
        return "'label_map' gives an id to no class."
    with_id = [f"{name} ({id})" for name, id in zip(classes.names, classes.ids, strict=True) if name in given]
    without = [name for name in classes.names if name not in given]
    return f"'label_map' gives ids to {join_first(with_id, limit=5)}, and none to {join_first(without, limit=5)}."


def _final_ids(classes: Classes, class_index_of: dict[int, int]) -> list[int]:
    """Returns an id per class: the first one that means it, or a free one where the label map leaves a class out."""
    # Of several ids with one meaning, the first wins, since later entries of a dict replace earlier ones.
    id_of = {class_index: stored for stored, class_index in reversed(class_index_of.items())}
    free = max(class_index_of, default=0) + 1
    return [id_of.get(class_index, free + class_index) for class_index in range(len(classes))]


def _read_label_map(label_map: LabelMap, classes: Classes, background: bool) -> tuple[dict[int, int], int]:
    """Returns the class index of each id, and that of all other ids, as `class_index_table` writes them."""
    class_index_of: dict[int, int] = {}
    key_of: dict[int, str] = {}
    for key, value in with_text_keys(label_map).items():
        class_index = _class_index(key, value, classes, background)
        for stored in ids_of_key(key):
            if key_of.setdefault(stored, key) != key:
                raise DataError(f"label_map: '{key_of[stored]}' and '{key}' both map the id {stored}. Change one.")
            class_index_of[stored] = class_index
    default = label_map.get(DEFAULT)
    return class_index_of, UNKNOWN if default is None else _class_index(DEFAULT, default, classes, background)


def with_text_keys(label_map: LabelMap) -> LabelMap:
    """Returns a label map whose keys are text, as those of YAML are. From Python, ids may be numbers."""
    return {str(key): value for key, value in label_map.items()}


def ids_of_key(key: str) -> range:
    """Returns the ids that a key of a label map means, none for `default`.

    Raises:
        DataError: it is no id, range of ids or `default`.

    Example:
        >>> list(ids_of_key("3")), list(ids_of_key("0-2"))
        ([3], [0, 1, 2])
    """
    found = re.fullmatch(r"\s*([+-]?\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*", key)
    if key == DEFAULT:
        return range(0)
    if found is None or (found[2] and int(found[2]) < int(found[1])):
        raise DataError(
            f"label_map: '{key}' is no id. Write a number that the label files hold, a range such as 0-6, or "
            f"{DEFAULT} for all ids that are not named."
        )
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def _class_index(key: str, value: int | str, classes: Classes, background: bool) -> int:
    """Returns the class index of one entry of the label map, NO_SEGMENT for void, BACKGROUND for background."""
    if background and value == "background" and value not in classes.names:
        return BACKGROUND
    if isinstance(value, str):
        return NO_SEGMENT if is_void(value) and value not in classes.names else classes.index(value)
    if not 0 <= value < len(classes):
        raise DataError(
            f"label_map: id {key} is mapped to class {value}, but the classes are 0..{len(classes) - 1}. Use a class "
            f"index in this range, a class name, or void."
        )
    return value
