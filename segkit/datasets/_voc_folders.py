"""The layout of Pascal VOC: its sub-folders and its lists of names."""

from functools import partial
from pathlib import Path

from segkit.data.images import read_image
from segkit.data.listing import list_tree
from segkit.data.opening import check_image
from segkit.data.paths import configured_path
from segkit.data.problems import Problems
from segkit.data.text import read_text
from segkit.datasets._pairing import Pair
from segkit.datasets._proposal import (
    INSTANCE,
    SEMANTIC,
    Proposal,
    Settings,
    Wishes,
    choose_task,
    divided,
    no_validation,
    part_in,
)
from segkit.datasets._split import Split, chosen
from segkit.errors import DataError, join_first

IMAGES, CLASS_MASKS, OBJECT_MASKS = "JPEGImages", "SegmentationClass", "SegmentationObject"
LISTS = "ImageSets/Segmentation"


def looks_like_voc(folder: Path) -> bool:
    """Returns whether a folder has the layout of Pascal VOC.

    Example:
        >>> looks_like_voc(Path("docs"))
        False
    """
    return (folder / CLASS_MASKS).is_dir() and (folder / LISTS).is_dir()


def propose_voc(folder: Path, wishes: Wishes) -> Proposal:
    """Proposes how to read a folder in the layout of Pascal VOC.

    Raises:
        DataError: it has no lists, or one for testing alone.
    """
    lists = sorted(file.stem for file in (folder / LISTS).glob("*.txt"))
    if not _lists_to_divide(folder):
        raise no_validation(
            folder / LISTS,
            [f"{name}.txt" for name in lists],
            "Write the names of images, one per line, into train.txt and val.txt.",
        )
    possible = [SEMANTIC, INSTANCE] if (folder / OBJECT_MASKS).is_dir() else [SEMANTIC]
    tasks = choose_task(possible, wishes, folder)
    settings: Settings = {"type": "voc", "folder": configured_path(folder)}
    more: Settings = {} if wishes.classes is None else {"classes": wishes.classes}
    more |= {"instances": True} if tasks[0] == INSTANCE else {}
    if not {"train", "val"} <= set(lists):
        return divided(Proposal(tasks, {**settings, **more}, {**settings, **more}))
    return Proposal(tasks, {**settings, "split": "train", **more}, {**settings, "split": "val", **more})


def _lists_to_divide(root: Path) -> list[Path]:
    """Returns the lists of names but those for testing."""
    return [file for file in sorted((root / LISTS).glob("*.txt")) if part_in(file.stem) != "test"]


def listed(root: Path, split: Split, instances: bool) -> tuple[list[Pair], list[Path]]:
    """Returns image and class mask of each name of a list, and the masks of objects.

    Args:
        root: The folder.
        split: The list, or a share of the names in all lists but those for testing.
        instances: Whether masks of objects are needed.

    Raises:
        DataError: a folder is missing, or a name has no image or mask. The message has a line for each.
    """
    needed = (IMAGES, CLASS_MASKS, *((OBJECT_MASKS,) if instances else ()), LISTS)
    missing = [name for name in needed if not (root / name).is_dir()]
    if missing:
        below = [one for one in sorted(root.iterdir()) if looks_like_voc(one)]
        where = f"Point 'folder' at {below[0]}." if below else "Point 'folder' at a folder that holds them."
        raise DataError(f"{root}: there is no folder {join_first(missing)}. {where}")
    file, names = _names(root, split)
    problems = Problems(file)
    found = {folder: _files(root / folder) for folder in needed[:-1]}
    for name in names:
        for folder, files in found.items():
            if name not in files:
                problems.add(f"there is no {folder}/{name}. Restore the file, or remove the name.")
            for other in files.get(name, [])[1:]:
                problems.of(other).add(
                    f"this file and {files[name][0].name} belong to one image. Rename or remove one."
                )
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.add(f"'{name}' stands there twice. Remove one.")
    for folder, files in found.items():
        read = read_image if folder == IMAGES else check_image
        problems.leave_unread([partial(read, files[name][0]) for name in names if name in files])
    problems.raise_any()
    if not names:
        raise DataError(f"{file}: the list is empty. Write the name of an image on each line.")
    if not isinstance(split, str):
        names = chosen(names, split, file)
    pairs = [Pair(name, found[IMAGES][name][0], found[CLASS_MASKS][name][0]) for name in names]
    return pairs, [found[OBJECT_MASKS][name][0] for name in names] if instances else []


def _names(root: Path, split: Split) -> tuple[Path, list[str]]:
    """Returns the names of a list, or of those that are divided; and the file or folder with the names, for messages.

    Raises:
        DataError: there is no such list.
    """
    if not isinstance(split, str):
        names = [name for file in _lists_to_divide(root) for name in _read(file)]
        return root / LISTS, list(dict.fromkeys(names))
    file = root / LISTS / f"{split}.txt"
    if not file.exists():  # a pipe or folder of this name is refused where it is read
        there = join_first(sorted(one.stem for one in (root / LISTS).glob("*.txt"))) or "none"
        raise DataError(f"split: there is no list {file}. The lists are: {there}. Choose one of them.")
    return file, _read(file)


def _read(file: Path) -> list[str]:
    return [line.split()[0] for line in read_text(file, "a list of names").splitlines() if line.strip()]


def _files(folder: Path) -> dict[str, list[Path]]:
    """Returns the images of a folder by their paths within it, without suffix."""
    listing = list_tree(folder)
    files: dict[str, list[Path]] = {}
    for file in listing.images:
        files.setdefault(listing.name_of(file.with_suffix("")), []).append(file)
    return files
