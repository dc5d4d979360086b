"""Label files whose ids seem to be off by one: they count classes from 1 and the class list from 0, or the reverse."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from segkit.classes import Classes
from segkit.datasets._label_ids import BACKGROUND, UNKNOWN
from segkit.datasets._void_hints import is_background
from segkit.types import NO_SEGMENT

_MOST_ENTRIES = 8
"""Entries of a suggested label map that are written out."""


def label_map_from(classes: Classes, first: int, zero: str = "void") -> str:
    """Writes the setting `label_map` of label files that count the classes from `first`, 0 or 1.

    Args:
        classes: The class list.
        first: The id of the first class.
        zero: What the id 0 stands for where no class has it.

    Example:
        >>> label_map_from(Classes.make(["road", "car"]), 1)
        'label_map: {0: void, 1: road, 2: car}'
    """
    entries = [*([(0, zero)] if first else []), *enumerate(classes.names, start=first)]
    more = ", …" if len(entries) > _MOST_ENTRIES else ""
    return f"label_map: {{{', '.join(f'{stored}: {name}' for stored, name in entries[:_MOST_ENTRIES])}{more}}}"


def explain_offset(
    classes: Classes,
    class_index_of: npt.NDArray[np.int16],
    pixels: npt.NDArray[np.int64],
    setting: Callable[[Classes, int], str] = label_map_from,
) -> str:
    """Says why the ids in label files seem to be off by one.

    Args:
        classes: The class list.
        class_index_of: (65536,) class index, NO_SEGMENT, BACKGROUND or UNKNOWN by id.
        pixels: (65536,) number of pixels by id, over all label files; those of background do not count.
        setting: Writes the setting that says from which id, 0 or 1, the label files count the classes.

    Returns:
        What is suspicious and what to do, or an empty text.

    Example:
        >>> from segkit.datasets._label_ids import class_index_table
        >>> classes, table = class_index_table(Classes.make(["road", "car"]), None, None)
        >>> print(explain_offset(classes, table, np.bincount([0, 1, 2, 2], minlength=65536)))
        the label files hold the id 2, one more than the last class has: they seem to count the classes from 1. If so, \
set label_map: {0: void, 1: road, 2: car}.
    """
    count, used = len(classes), pixels > 0
    unknown = np.flatnonzero(used & np.isin(class_index_of, (UNKNOWN, BACKGROUND))).tolist()
    if classes.ids == tuple(range(1, count + 1)):
        if unknown == [0] and not used[count]:
            return (
                f"the label files hold the id 0, which no class has, and no {count} ({classes.names[-1]}): they seem "
                f"to count the classes from 0. If so, set {setting(classes, 0)}."
            )
        return ""
    if classes.ids != tuple(range(count)):
        return ""
    has_background = is_background(classes.names[0])  # which is 0 in most label files
    if unknown == [count] and not (used[0] and has_background):
        return _one_more(classes, bool(used[0]), setting(classes, 1))
    if unknown or has_background or count < 2:
        return ""
    missing = np.flatnonzero(~used[:count]).tolist()
    if missing == [0]:
        return (
            f"no pixel has the id 0 ({classes.names[0]}), but all other classes occur. If the label files count the "
            f"classes from 1, set {setting(classes, 1)}."
        )
    has_void = bool((used & (class_index_of == NO_SEGMENT)).any())  # which may be the last class, see `_void_hints`
    if missing == [count - 1] and pixels[:count].argmax() == 0 and not has_void:
        return (
            f"no pixel has the id {count - 1} ({classes.names[-1]}), the last, and most have 0 ({classes.names[0]}). "
            f"If 0 is the background in the label files, they count the classes from 1: set {setting(classes, 1)}."
        )
    return ""


def _one_more(classes: Classes, has_zero: bool, setting: str) -> str:
    """Explains an id that is one more than that of the last class."""
    if len(classes) == 1 and has_zero:
        return (
            "the label files hold the ids 0 and 1, but there is one class. If 0 is the background in the label files, "
            f"name it first: classes: [background, {classes.names[0]}]."
        )
    return (
        f"the label files hold the id {len(classes)}, one more than the last class has: they seem to count the classes "
        f"from 1. If so, set {setting}."
    )
