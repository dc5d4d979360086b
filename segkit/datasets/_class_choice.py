"""The setting `classes` of datasets whose annotations name classes: it chooses, renames, merges and orders them."""

from collections.abc import Collection

from segkit.data.class_names import check_names
from segkit.errors import DataError, join_first, suggest

ClassChoice = list[str] | dict[str, str | list[str]]
"""The names of classes in their order, or name -> name in the annotations, or several of these."""


def names_in_annotations(choice: ClassChoice) -> dict[str, list[str]]:
    """Returns the names in the annotations that each class stands for, in the order of the classes.

    Raises:
        DataError: the choice is empty, or a name stands for two classes.

    Example:
        >>> names_in_annotations(["car", "bus"])
        {'car': ['car'], 'bus': ['bus']}
        >>> names_in_annotations({"vehicle": ["car", "bus"], "person": "human"})
        {'vehicle': ['car', 'bus'], 'person': ['human']}
    """
    if isinstance(choice, list):
        repeated = sorted({name for name in choice if choice.count(name) > 1})
        if repeated:
            raise DataError(f"classes: {join_first(repeated)} stands there twice. Name each class once.")
        choice = {name: name for name in choice}
    found = {name: [old] if isinstance(old, str) else list(old) for name, old in choice.items()}
    if not found or not all(found.values()):
        raise DataError("classes: the list is empty. Name the classes, or leave the setting out.")
    check_names(found, "classes")
    owner_of: dict[str, str] = {}
    for name, olds in found.items():
        for old in olds:
            if owner_of.setdefault(old, name) != name:
                raise DataError(f"classes: '{old}' stands for both '{owner_of[old]}' and '{name}'. Remove one.")
    return found


def choose(choice: ClassChoice, known: Collection[str], where: str) -> tuple[list[str], dict[str, int]]:
    """Applies a choice to the class names of an annotation file.

    Args:
        choice: The setting.
        known: The names in the annotations.
        where: What has these names, for messages.

    Returns:
        The names of the classes, and the class index of each chosen name in the annotations.

    Raises:
        DataError: the choice is malformed, or names a class that is not there.

    Example:
        >>> choose({"vehicle": ["car", "bus"]}, ["car", "bus", "dog"], "a.json")
        (['vehicle'], {'car': 0, 'bus': 0})
    """
    sources = names_in_annotations(choice)
    label_of = {old: label for label, olds in enumerate(sources.values()) for old in olds}
    missing = [old for old in label_of if old not in known]
    if missing:
        quoted, there = join_first([f"'{old}'" for old in missing]), join_first(sorted(known), limit=20)
        raise DataError(
            f"classes: {where} has no class {quoted}.{suggest(missing[0], known)} It has: {there}. Correct or remove "
            f"the name."
        )
    return list(sources), label_of
