"""Classes that never occur, explained by ids that count as void: an object may have been stored as 255.

A hint must hold: with the settings that it names, the label files are read, and nothing is inverted.
"""

from collections.abc import Container

import numpy as np
import numpy.typing as npt

from segkit.classes import Classes
from segkit.datasets._label_ids import DEFAULT, IDS, UNKNOWN, VOID, LabelMap, ids_of_key
from segkit.errors import join_first
from segkit.types import NO_SEGMENT

BACKGROUND_NAMES = ("background", "unlabeled", "unlabelled", "unknown", "void", "other", "none", "ignore")
"""Names of what is no object, which label files store as 0. Underscores and spaces at the ends do not matter."""

_MOST_ENTRIES = 10
"""Entries of a suggested label map that are written out."""


def is_background(name: str) -> bool:
    """Tells whether a class is what is no object.

    Example:
        >>> is_background("_background_"), is_background("road")
        (True, False)
    """
    return name.lower().strip("_ ") in BACKGROUND_NAMES


def explain_void(
    classes: Classes,
    class_index_of: npt.NDArray[np.int16],
    pixels: npt.NDArray[np.int64],
    label_map: LabelMap | None = None,
) -> str:
    """Explains classes that never occur by ids that count as void.

    Args:
        classes: The class list.
        class_index_of: (65536,) class index, NO_SEGMENT or UNKNOWN by id.
        pixels: (65536,) number of pixels by id, over all label files.
        label_map: The setting.

    Returns:
        What is odd and what to do, empty where at least two classes occur and none is missing, where no pixel is void,
        or where label files hold ids of no meaning, which come first.

    Example:
        >>> from segkit.datasets._label_ids import class_index_table
        >>> classes, table = class_index_table(Classes.make(["background", "object"]), None, None)
        >>> print(explain_void(classes, table, np.bincount([0, 0, 0, 255, 255], minlength=65536)))
        no pixel has the id 1 (object), and 40 % have the id 255, which is void. If 255 is object, set void: [] and \
label_map: {0: background, 255: object}.
    """
    return _Void(classes, class_index_of, pixels, label_map or {}).explained()


class _Void:
    """The void ids of label files."""

    def __init__(
        self,
        classes: Classes,
        class_index_of: npt.NDArray[np.int16],
        pixels: npt.NDArray[np.int64],
        label_map: LabelMap,
    ) -> None:
        self.names, self.ids, self.label_map, self.pixels = classes.names, classes.ids, label_map, pixels
        known = np.flatnonzero(class_index_of >= 0)
        self.mapped = {int(one): int(class_index_of[one]) for one in known}
        """Class index of each id."""
        self.present = [one for one in self.mapped if pixels[one]]
        """Those of them that occur."""
        self.void = [int(one) for one in np.flatnonzero((class_index_of == NO_SEGMENT) & (pixels > 0))]
        self.is_known = not ((class_index_of == UNKNOWN) & (pixels > 0)).any()
        """Whether all ids in the label files have a meaning."""
        self.stored = max(self.void, key=lambda one: int(pixels[one]), default=-1)
        """The most frequent of the void ids."""

    def explained(self) -> str:
        found = {self.mapped[one] for one in self.present}
        absent = [label for label in range(len(self.names)) if label not in found]
        if not self.is_known or not self.void or (not absent and len(self.names) > 1):
            return ""
        if absent:
            problem = f"{self._absence(absent)}, and {self._void_pixels('have')}."
        else:
            problem = (
                f"all pixels have the id {join_first(self.present, limit=5)} ({self.names[0]}), the only class, except "
                f"{self._void_pixels('with')}: there is nothing to tell apart."
            )
        remedy = self._object_and_background() or self._remedy(absent)
        return f"{problem} {remedy}" if remedy else ""

    def _void_pixels(self, verb: str) -> str:
        """Says how many pixels are void, and by which id."""
        others = [one for one in self.void if one != self.stored]
        beside = f" (and others {join_first(others, limit=3)})" if others else ""
        is_mapped = any(self.stored in ids_of_key(key) for key in self.label_map)
        is_mapped = is_mapped or self.label_map.get(DEFAULT) == "void"
        void = "which the label map makes void" if is_mapped else "which is void"
        percent = f"{100 * self.pixels[self.stored] / self.pixels.sum():.3g} %"
        return f"{percent} {verb} the id {self.stored}{beside}, {void}"

    def _absence(self, absent: list[int]) -> str:
        known = set(self.mapped.values())
        with_id = [f"{self.ids[one]} ({self.names[one]})" for one in absent if one in known]
        without = [self.names[one] for one in absent if one not in known]
        parts = [f"no pixel has the id {join_first(with_id, limit=5)}"] if with_id else []
        parts += [f"the label map gives no id to {join_first(without, limit=5)}"] if without else []
        return " and ".join(parts)

    def _object_and_background(self) -> str:
        """Says which id is the object, where there is one, or one beside a background: 0 is what is no object."""
        objects = [name for name in self.names if not is_background(name)]
        others = [int(one) for one in np.flatnonzero(self.pixels) if one != 0]
        others = [one for one in others if one != VOID] or others
        if len(objects) != 1 or len(self.names) > 2 or len(others) != 1 or not self.pixels[0]:
            return ""
        name, stored = objects[0], others[0]
        if len(self.names) == 1:
            settings = self._settings({0: "background", stored: name})
            return f"If {stored} is {name} and 0 the background, set classes: [background, {name}], {settings}."
        (background,) = (other for other in self.names if other != name)
        now = {one: self.names[label] for one, label in self.mapped.items()}
        what = {one: meant for one, meant in ((stored, name), (0, background)) if now.get(one) != meant}
        return self._hint(what) if what else ""

    def _remedy(self, absent: list[int]) -> str:
        """Says what to do where the classes are others."""
        if not absent:
            return f"Name a class for {self.stored} as well, and map it in 'label_map'."
        if len(absent) > 1:
            return f"If {self.stored} is one of these classes, say so in 'label_map'."
        if self.label_map.get(DEFAULT) == "void" and len(self.void) > 1:
            return ""  # the ids of all classes that are left out: none of them is more likely than the others
        name = self.names[absent[0]]
        # 0 is what is no object: a class that is rare is not stored so.
        return self._hint({self.stored: name}) if self.stored or is_background(name) else ""

    def _hint(self, what: dict[int, str]) -> str:
        means = " and ".join(f"{one} is {name}" for one, name in what.items())
        return f"If {means}, set {self._settings(what)}."

    def _settings(self, what: dict[int, str]) -> str:
        """Returns the settings that say what some ids are, and leave the others as they are."""
        names = self.names
        if self.label_map:
            named = [(part, value) for key, value in self.label_map.items() for part in _without(key, what)]
            now = {key: names[value] if isinstance(value, int) else value for key, value in named}
        else:  # an id that no pixel has is no other one of a class
            kept = [one for one in self.mapped if self.pixels[one] or names[self.mapped[one]] not in what.values()]
            now = {str(one): names[self.mapped[one]] for one in kept}
        covered = {one for key in now for one in ids_of_key(key)}
        void = {str(one): "void" for one in self.void if one not in covered and DEFAULT not in now}
        now |= void | {str(one): name for one, name in what.items()}
        entries = [f"{key}: {now[key]}" for key in sorted(now, key=_place)]
        more = ", …" if len(entries) > _MOST_ENTRIES else ""
        return f"void: [] and label_map: {{{', '.join(entries[:_MOST_ENTRIES])}{more}}}"


def _without(key: str, ids: Container[int]) -> list[str]:
    """Returns the keys of a label map that stand for the ids of a key without some."""
    if key == DEFAULT:
        return [key]
    kept = dict.fromkeys(one for one in ids_of_key(key) if one not in ids)
    starts = [one for one in kept if one - 1 not in kept]
    ends = [one for one in kept if one + 1 not in kept]
    return [str(start) if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=True)]


def _place(key: str) -> int:
    """Puts the keys of a label map in the order of their ids, the default last."""
    return min(ids_of_key(key), default=IDS)
