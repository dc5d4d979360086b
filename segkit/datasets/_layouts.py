"""Which type of dataset reads a folder, and with which settings: what each format has that no other has."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from segkit.datasets._json_layouts import (
    is_coco_instance,
    is_coco_panoptic,
    json_files,
    propose_coco_instance,
    propose_coco_panoptic,
    propose_labelme,
)
from segkit.datasets._label_layout import propose_label_files
from segkit.datasets._labelme_files import looks_like_labelme
from segkit.datasets._proposal import INSTANCE, SEMANTIC, Proposal, Wishes
from segkit.datasets._voc_folders import looks_like_voc, propose_voc
from segkit.datasets._yolo_folders import propose_yolo, yolo_files
from segkit.errors import DataError, join_first


@dataclass(frozen=True)
class Layout:
    """How the folders of a format are recognized and read."""

    looks_like: Callable[[Path], bool]
    propose: Callable[[Path, Wishes], Proposal]


def _has_json(looks_like: Callable[[object], bool]) -> Callable[[Path], bool]:
    return lambda folder: next(json_files(folder, looks_like), None) is not None


LAYOUTS = {
    "voc": Layout(looks_like_voc, propose_voc),
    "yolo": Layout(lambda folder: bool(yolo_files(folder)), propose_yolo),
    "labelme": Layout(_has_json(looks_like_labelme), propose_labelme),
    "coco_panoptic": Layout(_has_json(is_coco_panoptic), propose_coco_panoptic),
    "coco_instance": Layout(_has_json(is_coco_instance), propose_coco_instance),
}
"""Type of a dataset -> its layout. Folders of images and label files alone have no mark."""

LABEL_FILES = {"mask_folder": SEMANTIC, "instance_folder": INSTANCE}
"""Type of a dataset that reads label files -> its task."""

TYPES = (*LAYOUTS, *LABEL_FILES)


def propose(folder: Path, type: str | None, wishes: Wishes) -> Proposal:
    """Proposes how to read a folder, or the one sub-folder that has the marks of a format.

    Args:
        folder: The folder.
        type: The type of the dataset; None takes the one whose marks the folder has, or else label files.
        wishes: What the user says besides.

    Raises:
        DataError: the folder has the marks of several formats or of none, or what is missing in it.
    """
    if type in LABEL_FILES:
        task = LABEL_FILES[type]
        if wishes.task not in (None, task):
            raise DataError(f"--type {type} is for --task {task}. Leave out one of both.")
        return replace(propose_label_files(folder, replace(wishes, task=task)), tasks=[task])
    place, types = (folder, [type]) if type is not None else _recognized(folder)
    if len(types) > 1:
        raise DataError(
            f"{place}: the folder has the marks of {join_first(types)}. Say which of them counts: --type "
            f"{' or --type '.join(types)}."
        )
    if not types:
        return propose_label_files(folder, wishes)
    if not LAYOUTS[types[0]].looks_like(place):
        raise DataError(f"{place}: the folder has no marks of {types[0]}. Leave out --type to see what it is.")
    return LAYOUTS[types[0]].propose(place, wishes)


def _recognized(folder: Path) -> tuple[Path, list[str]]:
    """Returns the folder that has the marks of formats, and these: `folder` itself or a sub-folder."""
    types = _types(folder)
    below = [] if types else [one for one in sorted(folder.iterdir()) if one.is_dir() and _types(one)]
    if len(below) > 1:
        raise DataError(
            f"{folder}: several sub-folders hold data: {join_first([one.name for one in below])}. Name one of them."
        )
    return (below[0], _types(below[0])) if below else (folder, types)


def _types(folder: Path) -> list[str]:
    return [type for type, layout in LAYOUTS.items() if layout.looks_like(folder)]
