"""Tells things from stuff where the files of a checkpoint do not: by known label sets, or as the caller says."""

import re
from collections.abc import Sequence
from pathlib import Path

from segkit.data.class_list import read_classes
from segkit.errors import CheckpointError, join_first, suggest
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


def things_of(names: Sequence[str], things: Sequence[str] | None, where: str) -> tuple[Sequence[bool], list[str]]:
    """Returns which classes are things, and a note on where that comes from unless the caller said it.

    Args:
        names: Of all classes.
        things: Of those that are things, as the caller says; None where the caller does not.
        where: The file, for error messages.

    Raises:
        CheckpointError: `things` names a class that does not exist.

    Example:
        >>> things_of(["sky", "cat"], ["cat"], "config.json")
        ([False, True], [])
    """
    if things is not None:
        problems = [
            f"{where}: things: there is no class '{name}'.{suggest(name, names)} There are: {join_first(names)}"
            for name in things
            if name not in names
        ]
        if problems:
            raise CheckpointError("\n".join(problems))
        return [name in things for name in names], []
    known = known_things(names)
    if known is not None:
        label_set, flags = known
        return flags, [f"{sum(flags)} of {len(names)} classes count as things, as in the label set {label_set}"]
    return [True] * len(names), [
        "the files do not tell things from stuff, and the classes are no known label set: all of them count as things. "
        "Convert again with --things to name the things"
    ]
