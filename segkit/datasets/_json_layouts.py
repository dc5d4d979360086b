"""How folders with JSON files of COCO and of labelme may be read."""

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath

from segkit.data.json_values import read_json
from segkit.data.listing import named
from segkit.data.paths import configured_path
from segkit.datasets._coco_json import looks_like_coco
from segkit.datasets._labelme_files import looks_like_labelme
from segkit.datasets._proposal import (
    INSTANCE,
    PANOPTIC,
    SEMANTIC,
    Proposal,
    Settings,
    Wishes,
    choose_task,
    divided,
    part_in,
)
from segkit.errors import DataError

_MOST_FILES = 20
"""Files of one kind that are read: those of a format lie together."""

_NEAR = ("*.json", "*/*.json")
"""Where the JSON files lie that mark a folder: in it, or one folder below."""

_DEEP = (_NEAR, ("*/*/*.json",), ("*/*/*/*.json",))
"""Where they are looked for: deeper only if there are none above."""

_MOST_NAMES = 20
"""Images of a JSON file that are looked for."""

_MOST_FOLDERS = 1000
"""Sub-folders in which they are looked for."""

JsonFile = tuple[Path, dict[str, object]]
"""A JSON file with its content, a mapping."""


def _json_files(folder: Path, kind: str, where: Sequence[Sequence[str]] = _DEEP) -> Iterator[JsonFile]:
    """Yields the JSON files of one kind in a folder and its sub-folders, among the first of them.

    Args:
        folder: The folder.
        kind: `labelme`, `coco_instance` or `coco_panoptic`.
        where: Patterns of the files, in groups. Only files of the first group that has some are yielded.
    """
    for patterns in where:
        found = False
        for file in islice((one for pattern in patterns for one in sorted(folder.glob(pattern))), _MOST_FILES):
            try:
                data = read_json(file)
            except DataError:
                continue
            if isinstance(data, dict) and _kind(data) == kind:
                found = True
                yield file, data
        if found:
            return


def has_json(folder: Path, kind: str) -> bool:
    """Returns whether JSON files of a kind mark a folder, which is labelme, coco_instance or coco_panoptic.

    Example:
        >>> has_json(Path("docs"), "labelme")
        False
    """
    files = (file for pattern in _NEAR for file in sorted(folder.glob(pattern)))
    there = filter(os.path.isfile, islice(files, _MOST_FILES))
    return any(_kind_of(file, os.path.getmtime(file)) == kind for file in there)


@lru_cache(maxsize=1000)
def _kind_of(file: Path, changed: float) -> str:
    """Returns the kind of a JSON file. Large ones take seconds: each is read once until it is changed."""
    try:
        return _kind(read_json(file))
    except DataError:
        return ""


def _kind(data: object) -> str:
    """Returns the kind of the content of a JSON file, an empty text for another."""
    coco = looks_like_coco(data)
    return "labelme" if looks_like_labelme(data) else f"coco_{coco}" if coco else ""


def propose_coco_instance(folder: Path, wishes: Wishes) -> Proposal:
    """Proposes how to read a folder with JSON files of COCO's instances.

    Raises:
        DataError: several files may be meant, or their images are not there.
    """
    tasks = choose_task([INSTANCE], wishes, folder)
    files = _by_part(folder, list(_json_files(folder, "coco_instance")), "instances")
    more: Settings = {} if wishes.classes is None else {"classes": _names_of(wishes, folder)}
    settings: list[Settings] = [
        {
            "type": "coco_instance",
            "images": configured_path(_folder_of(_image_names(data), folder, file)),
            "annotations": configured_path(file),
            **more,
        }
        for file, data in files
    ]
    return _for_both(files, Proposal(tasks, settings[0], settings[-1]))


def propose_coco_panoptic(folder: Path, wishes: Wishes) -> Proposal:
    """Proposes how to read a folder with JSON files of COCO panoptic.

    Raises:
        DataError: several files may be meant, or their images or masks are not there.
    """
    if wishes.classes is not None:
        raise DataError(f"{folder}: the classes are the categories of the JSON files. Leave out --classes.")
    tasks = choose_task([PANOPTIC, SEMANTIC], wishes, folder)
    files = _by_part(folder, list(_json_files(folder, "coco_panoptic")), "panoptic")
    more: Settings = {"semantic": True} if tasks[0] == SEMANTIC else {}
    settings: list[Settings] = []
    for file, data in files:
        masks = file.with_suffix("")
        images = _folder_of(_image_names(data), folder, file, without=masks)
        if not masks.is_dir():
            masks = _folder_of(_listed_names(data, "annotations"), folder, file, without=images)
        paths = {"images": images, "annotations": file, "masks": masks}
        settings.append(
            {"type": "coco_panoptic", **{key: configured_path(path) for key, path in paths.items()}, **more}
        )
    return _for_both(files, Proposal(tasks, settings[0], settings[-1]))


def _for_both(files: Sequence[JsonFile], proposal: Proposal) -> Proposal:
    """Draws images for validation where no JSON file lists some."""
    if len(files) > 1:
        return proposal
    return divided(proposal, f"No JSON file lists images for validation beside those of {files[0][0].name}")


def propose_labelme(folder: Path, wishes: Wishes) -> Proposal:
    """Proposes how to read a folder with JSON files of labelme.

    Raises:
        DataError: the image of the first file is not there.
    """
    tasks = choose_task([INSTANCE], wishes, folder)
    first: dict[Path, JsonFile] = {}
    for place in (folder, *sorted(one for one in folder.iterdir() if one.is_dir())):
        where = (("*.json",),) if place == folder else _DEEP
        found = next(_json_files(place, "labelme", where), None)
        first |= {place: found} if found is not None else {}
    of_part = {part_in(place.name): place for place in first if place != folder}
    places = [of_part["train"], of_part["val"]] if {"train", "val"} <= of_part.keys() else []
    more: Settings = {} if wishes.classes is None else {"classes": _names_of(wishes, folder)}
    settings: list[Settings] = []
    for place in places or [folder if len(first) > 1 else next(iter(first))]:
        file, data = first.get(place) or next(iter(first.values()))
        name = PurePosixPath(str(data["imagePath"]).replace("\\", "/")).name
        images: Settings = {}
        if not os.path.isfile(file.parent / name):
            images = {"images": configured_path(_folder_of([name], folder, file))}
        settings.append({"type": "labelme", "folder": configured_path(place), **images, **more})
    proposal = Proposal(tasks, settings[0], settings[-1])
    return proposal if places else divided(proposal)


def _names_of(wishes: Wishes, folder: Path) -> list[str]:
    if isinstance(wishes.classes, str):
        raise DataError(f"{folder}: these annotations name their classes. Choose some by --classes NAME,NAME.")
    return wishes.classes or []


def _by_part(folder: Path, files: Sequence[JsonFile], kind: str) -> list[JsonFile]:
    """Returns the file for training and that for validation, or the only one."""
    of_part: dict[str, list[JsonFile]] = {}
    for file, data in files:
        of_part.setdefault(part_in(file.relative_to(folder).with_suffix("").as_posix()), []).append((file, data))
    parts = ["train", "val"] if {"train", "val"} <= of_part.keys() else ["train"] if "train" in of_part else None
    if parts is None and len(files) == 1:
        return list(files)
    if parts is None:
        raise DataError(
            f"{folder}: {len(files)} JSON files hold {kind} annotations: {named([file for file, _ in files])}. Name "
            f"those for training and validation {kind}_train.json and {kind}_val.json, or keep one of them."
        )
    return [_only(folder, of_part[part], f"{kind}_{part}") for part in parts]


def _only(folder: Path, files: Sequence[JsonFile], usual: str) -> JsonFile:
    # Beside instances_train2017.json, publishers put person_keypoints_train2017.json and others.
    official = [one for one in files if re.fullmatch(rf"{usual}\d*", one[0].stem)]
    chosen = official if len(files) > 1 else files
    if len(chosen) != 1:
        raise DataError(
            f"{folder}: several JSON files may be meant: {named([file for file, _ in files])}. Move the others to "
            f"another folder, or name the one to use {usual}.json."
        )
    return chosen[0]


def _listed_names(data: dict[str, object], key: str) -> list[str]:
    """Returns the names of the first files of a list."""
    entries = data[key]
    assert isinstance(entries, list), "the kind of the file was told from its lists"
    names = [
        entry.get("file_name") or "/".join(str(entry.get("coco_url", "")).split("/")[-2:])
        for entry in entries[:_MOST_NAMES]
        if isinstance(entry, dict)
    ]
    return [str(name).replace("\\", "/") for name in names if name]


def _image_names(data: dict[str, object]) -> list[str]:
    return _listed_names(data, "images")


def _folder_of(names: Sequence[str], folder: Path, file: Path, without: Path | None = None) -> Path:
    """Returns the folder that holds most of the files that a JSON file lists.

    Raises:
        DataError: none of them is there.
    """
    below = [one for level in ("*", "*/*", "*/*/*") for one in sorted(folder.glob(level)) if one.is_dir()]
    part = part_in(file.relative_to(folder).with_suffix("").as_posix())
    candidates = [one for one in [file.parent, folder, *below[:_MOST_FOLDERS]] if one != without]

    def fit(candidate: Path) -> tuple[int, int, bool]:
        whole = sum(os.path.isfile(candidate / name) for name in names)
        # The folders in the names may be those of the machine that wrote the file.
        alone = sum(os.path.isfile(candidate / PurePosixPath(name).name) for name in names)
        return whole, alone, bool(part) and part_in(candidate.relative_to(folder).as_posix()) == part

    best = max(candidates, key=fit)
    if not any(fit(best)[:2]):
        first = f", such as '{names[0]}'," if names else ""
        raise DataError(
            f"{file}: none of the first files that it lists{first} lies in {folder}. Put the folder with these files "
            f"there, or correct 'file_name'."
        )
    return best
