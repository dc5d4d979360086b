"""Which type of dataset reads a folder, and with which settings: what each format has that no other has."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from os.path import commonpath
from pathlib import Path

from segkit.data.listing import is_hidden
from segkit.datasets._json_layouts import (
    has_json,
    propose_coco_instance,
    propose_coco_panoptic,
    propose_labelme,
)
from segkit.datasets._label_layout import propose_label_files
from segkit.datasets._proposal import INSTANCE, PANOPTIC, SEMANTIC, Proposal, Wishes, part_in
from segkit.datasets._voc_folders import looks_like_voc, propose_voc
from segkit.datasets._yolo_folders import propose_yolo, yolo_files
from segkit.errors import DataError, join_first


@dataclass(frozen=True)
class Layout:
    """How the folders of a format are recognized and read."""

    looks_like: Callable[[Path], bool]
    propose: Callable[[Path, Wishes], Proposal]


LAYOUTS = {
    "voc": Layout(looks_like_voc, propose_voc),
    "yolo": Layout(lambda folder: bool(yolo_files(folder)), propose_yolo),
    "labelme": Layout(partial(has_json, kind="labelme"), propose_labelme),
    "coco_panoptic": Layout(partial(has_json, kind="coco_panoptic"), propose_coco_panoptic),
    "coco_instance": Layout(partial(has_json, kind="coco_instance"), propose_coco_instance),
}
"""Type of a dataset -> its layout. Folders of images and label files alone have no mark."""

LABEL_FILES = {"mask_folder": [SEMANTIC], "instance_folder": [INSTANCE, PANOPTIC]}
"""Type of a dataset that reads label files -> its tasks, the usual one first."""

_DEEPEST = 2
"""Folders below the given one that are searched for the marks of a format."""

_MOST_FOLDERS = 1000
"""Folders of one depth that are searched."""

TYPES = (*LAYOUTS, *LABEL_FILES)


def propose(folder: Path, type: str | None, wishes: Wishes) -> Proposal:
    """Proposes how to read a folder, or the one folder below it that has the marks of a format.

    Args:
        folder: The folder.
        type: The type of the dataset; None takes the one whose marks the folder has, or else label files.
        wishes: What the user says besides.

    Raises:
        DataError: the folder has the marks of several formats or of none, or what is missing in it.
    """
    if type in LABEL_FILES:
        tasks = LABEL_FILES[type]
        task = wishes.task or tasks[0]
        if task not in tasks:
            raise DataError(f"--type {type} is for --task {' or '.join(tasks)}. Leave out one of both.")
        return replace(propose_label_files(folder, replace(wishes, task=task)), tasks=[task])
    place, types = _recognized(folder, LAYOUTS if type is None else [type])
    if len(types) > 1:
        raise DataError(
            f"{place}: the folder has the marks of {join_first(types)}. Say which of them counts: --type "
            f"{' or --type '.join(types)}."
        )
    if not types and type is None:
        return propose_label_files(folder, wishes)
    if not types:
        raise DataError(f"{folder}: the folder has no marks of {type}. Leave out --type to see what it is.")
    proposal = LAYOUTS[types[0]].propose(place, wishes)
    return proposal if type is not None else _beside_others(folder, proposal, wishes)


def _beside_others(folder: Path, proposal: Proposal, wishes: Wishes) -> Proposal:
    """Notes what else the folder holds, or takes its label maps where they alone have a part for validation."""
    taken, notes = proposal.train["type"], []
    maps = _label_maps(folder, wishes) if SEMANTIC in proposal.tasks and proposal.is_divided else None
    if maps is not None and wishes.task == SEMANTIC:
        proposal, taken = replace(maps, tasks=[SEMANTIC]), "mask_folder"
    elif maps is not None and wishes.task is None:
        notes = [_note_of_other(taken, "The folder has label maps for training and validation", "mask_folder")]
    return replace(proposal, notes=[*proposal.notes, *notes, *_others(folder, taken)])


def _label_maps(folder: Path, wishes: Wishes) -> Proposal | None:
    """Proposes to read the label maps of a folder, if it has some for training and for validation."""
    try:
        proposal = propose_label_files(folder, replace(wishes, task=SEMANTIC))
    except DataError:
        return None
    return None if proposal.is_divided else proposal


def _others(folder: Path, taken: str) -> list[str]:
    """Returns a sentence about each other format whose marks are in the folder or below."""
    found: dict[str, Path] = {}
    for level in _levels(folder):
        for place in level:
            for type in _types(place, [one for one in LAYOUTS if one not in (taken, *found)]):
                found[type] = place
    return [
        _note_of_other(
            taken, f"{'The folder' if place == folder else place.relative_to(folder)} has the marks of {type}", type
        )
        for type, place in found.items()
    ]


def _note_of_other(taken: str, other: str, type: str) -> str:
    return f"{taken} was taken. {other}, too: with --type {type}, these annotations are read instead."


def _recognized(folder: Path, types: Collection[str]) -> tuple[Path, list[str]]:
    """Returns the folder that has the marks of formats, and these: `folder` itself or the first one below it.

    Raises:
        DataError: several folders have marks, and are no parts of one dataset.
    """
    for level in _levels(folder):
        marked = {place: found for place in level if (found := _types(place, types))}
        if len(marked) == 1:
            return next(iter(marked.items()))
        if marked:
            return Path(commonpath(marked)), _only_type(folder, marked)
    return folder, []


def _levels(folder: Path) -> Iterator[list[Path]]:
    """Yields the folders of each depth, from the folder itself."""
    level = [folder]
    for _ in range(_DEEPEST + 1):
        yield level
        below = (one for place in level for one in sorted(place.iterdir()) if one.is_dir() and not is_hidden(one))
        level = list(islice(below, _MOST_FOLDERS))


def _only_type(folder: Path, marked: dict[Path, list[str]]) -> list[str]:
    """Returns the format of several folders that are parts of one dataset.

    Raises:
        DataError: they are not.
    """
    found = {type for types in marked.values() for type in types}
    names = [place.relative_to(folder).as_posix() for place in marked]
    are_parts = set(map(part_in, names)) >= {"train", "val"}
    if found == {"labelme"} or (len(found) == 1 and are_parts and found <= {"coco_instance", "coco_panoptic"}):
        return sorted(found)
    raise DataError(f"{folder}: several sub-folders hold data: {join_first(names)}. Name one of them.")


def _types(folder: Path, types: Collection[str]) -> list[str]:
    return [type for type in types if LAYOUTS[type].looks_like(folder)]
