"""Recognizes known label sets, for checkpoints whose files do not tell things from stuff."""

import re
from collections.abc import Sequence
from pathlib import Path

from segkit.data.class_list import read_classes
from segkit.runtime.shipped import shipped_path

LABEL_SETS = ("coco_panoptic", "ade20k_150", "cityscapes", "coco_stuff_10k", "mapillary_vistas", "voc_2012")
"""Tables in `configs/classes` that tell things from stuff."""

_MOST_DIFFERENT = 0.1
"""Fraction of the names that may differ, since programs shorten and correct some."""


def known_things(names: Sequence[str]) -> tuple[str, tuple[bool, ...]] | None:
    """Returns the label set that these classes are, by name and in order, and which of them are things.

    Names count as equal if they agree up to the first comma and but for case: `Wall` is `wall, plain`.

    Example:
        >>> known_things(["sky", "sea"])
    """
    for label_set in LABEL_SETS:
        known = read_classes(Path(shipped_path(f"segkit://classes/{label_set}.csv")))
        if len(known) != len(names):
            continue
        pairs = zip(map(_first_name, known.names), map(_first_name, names), strict=True)
        if sum(ours != theirs for ours, theirs in pairs) <= _MOST_DIFFERENT * len(known):
            return label_set, known.things
    return None


def _first_name(name: str) -> str:
    return re.split("[,;]", name)[0].strip().lower()
