"""The class list of a checkpoint of transformers: `id2label` in its `config.json`."""

from collections.abc import Sequence
from typing import Any

from segkit.classes import Classes
from segkit.errors import counted
from segkit.interop.huggingface.fields import Fields
from segkit.interop.label_sets import things_of


def read_classes(fields: Fields, first_id: int, things: Sequence[str] | None) -> tuple[Classes, list[str]]:
    """Returns the classes, and notes on where their kinds come from and on names that were changed.

    Args:
        fields: The content of `config.json`.
        first_id: The value of class 0 in label maps.
        things: Names of the classes that are things; all others are stuff. None where the caller does not say: a known
            label set decides, or else all are things.

    Raises:
        CheckpointError: the classes are not numbered without a gap, or `things` names one that does not exist.
    """
    labels = fields.data.get("id2label")
    if labels is None:
        labels = {str(index): f"LABEL_{index}" for index in range(fields.integer("num_labels", 2))}
    try:
        by_index = {int(index): str(name) for index, name in labels.items()}
    except (AttributeError, TypeError, ValueError):
        by_index = {}
    if not by_index or sorted(by_index) != list(range(len(by_index))):
        raise fields.error("id2label", "must name the classes 0, 1, 2, … without a gap.")
    names: list[str] = []
    for index in range(len(by_index)):
        name = by_index[index]
        names.append(f"{name} ({index})" if name in names else name)  # segkit's class names are unique
    flags, notes = things_of(names, things, str(fields.file))
    renamed = sum(name != by_index[index] for index, name in enumerate(names))
    if renamed:
        notes.append(f"{counted(renamed, 'class')} with the name of an earlier one: a number was appended")
    return Classes.make(names, flags, ids=list(range(first_id, first_id + len(names)))), notes


def classes_json(classes: Classes) -> dict[str, Any]:
    """Returns what `config.json` says of the classes.

    Example:
        >>> classes_json(Classes.make(["sky", "sea"]))
        {'id2label': {'0': 'sky', '1': 'sea'}, 'label2id': {'sky': 0, 'sea': 1}}
    """
    return {
        "id2label": {str(index): name for index, name in enumerate(classes.names)},
        "label2id": {name: index for index, name in enumerate(classes.names)},
    }


def things_notes(classes: Classes) -> list[str]:
    """Returns a note where their files cannot tell which classes are things.

    Example:
        >>> things_notes(Classes.make(["sky", "car"], [False, True]))
        ['the files do not tell things from stuff: 1 of 2 classes are things']
    """
    things = sum(classes.things)
    if things in (0, len(classes)):
        return []
    return [f"the files do not tell things from stuff: {things} of {len(classes)} classes are things"]
