"""How folders of images and label files may be read: as `mask_folder` or `instance_folder`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segkit.data.listing import Listing, list_tree
from segkit.data.paths import configured_path
from segkit.data.text import read_text
from segkit.datasets._label_classes import semantic_settings
from segkit.datasets._label_instances import instance_settings, panoptic_settings
from segkit.datasets._label_sets import LabelSet, label_sets
from segkit.datasets._label_values import Kind, LabelValues, read_values
from segkit.datasets._nothing_found import nothing_found
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
    without_part,
)
from segkit.errors import DataError

_USUAL = "_gtFine_labelIds.png"
"""End of Cityscapes' label files of class ids, beside those of ids for training."""

_MOST_LISTS = 50

_DESCRIBE = {SEMANTIC: semantic_settings, INSTANCE: instance_settings, PANOPTIC: panoptic_settings}
"""Task -> what returns the settings for it."""

_KINDS: dict[str, list[list[Kind]]] = {
    SEMANTIC: [["ids"], ["colors"]],
    INSTANCE: [["thousands", "channels"], ["ids"]],
    PANOPTIC: [["thousands"]],
}
"""Task -> the kinds of values that tell it, the best first."""


@dataclass(frozen=True)
class _Read:
    """A set of label files, and what they hold."""

    files: LabelSet
    values: LabelValues


def propose_label_files(folder: Path, wishes: Wishes) -> Proposal:
    """Proposes how to read a folder of images and label files.

    Raises:
        DataError: there are none, or it cannot be told what they mean. The message says what to add.
    """
    found = list_tree(folder)
    sets = [_Read(one, read_values([label for _, label in one.every_pair])) for one in label_sets(found)]
    if not sets:
        raise nothing_found(found)
    kinds = {one.values.kind for one in sets}
    possible = [SEMANTIC] if kinds & {"ids", "colors"} else []
    possible += [INSTANCE] if kinds & {"thousands", "channels", "ids"} else []
    if wishes.task is None and "ids" in kinds and _are_numbers(sets, wishes):
        possible.reverse()
    possible += [PANOPTIC] if any(one.values.unnumbered for one in sets) else []
    tasks = choose_task(possible, wishes, folder)
    chosen = _only(folder, sets, tasks[0])
    _refuse_shared(found, chosen.files)
    places = [labels for _, labels in chosen.files.folders.values()]
    settings, notes = _DESCRIBE[tasks[0]](folder, places, chosen.files.label_end, chosen.values, wishes)
    if kinds == {"ids"} and tasks[0] == SEMANTIC:
        tasks = [SEMANTIC]  # whether the ids number instances was the question
    return _with_parts(found, chosen.files, Proposal(tasks, settings, settings, notes))


def _are_numbers(sets: Sequence[_Read], wishes: Wishes) -> bool:
    """Returns whether the user names one class, but the label files hold more ids than object and background."""
    one_class = isinstance(wishes.classes, list) and len(wishes.classes) == 1
    return one_class and any(len(set(one.values.pixels) - {0, 255}) > 1 for one in sets)


def _only(folder: Path, sets: Sequence[_Read], task: str) -> _Read:
    """Returns the set of label files for a task.

    Raises:
        DataError: there are several.
    """
    chosen = next(found for kinds in _KINDS[task] if (found := [one for one in sets if one.values.kind in kinds]))
    usual = [one for one in chosen if one.files.label_end == _USUAL]
    chosen = usual or chosen
    if len(chosen) > 1:
        raise DataError(
            f"{folder}: the images have several sets of label files: {', '.join(one.files.where for one in chosen)}. "
            f"Move those that are not meant to another folder."
        )
    return chosen[0]


def _refuse_shared(found: Listing, files: LabelSet) -> None:
    """Refuses label files that fit to an image for training and to one for validation.

    Raises:
        DataError: there is one.
    """
    trained = {label: image for image, label in files.pairs.get("train", ())}
    for image, label in files.pairs.get("val", ()):
        if label in trained:
            names = f"{found.name_of(trained[label])} and {found.name_of(image)}"
            raise DataError(
                f"{label}: this label file may belong to {names}. Put the label files for training and for validation "
                f"into folders of their own, such as {label.parent}/train and {label.parent}/val."
            )


def _with_parts(found: Listing, files: LabelSet, proposal: Proposal) -> Proposal:
    """Adds the folders to the settings, and which images are for training and validation."""
    ends: Settings = {"image_suffix": files.image_end, "label_suffix": files.label_end}
    type, rest = proposal.train["type"], {key: value for key, value in proposal.train.items() if key != "type"}

    def settings(part: str) -> Settings:
        images, labels = map(configured_path, files.folders[part])
        given = {key: value for key, value in ends.items() if value}
        return {"type": type, "images": images, "labels": labels, **given, **rest}

    if {"train", "val"} <= files.folders.keys():
        return Proposal(proposal.tasks, settings("train"), settings("val"), proposal.notes)
    part = "train" if "train" in files.folders else max(files.pairs, key=lambda part: len(files.pairs[part]))
    lists = _lists(found, files, part)
    whole = settings(part)
    if {"train", "val"} <= lists.keys():
        train, val = ({**whole, "split": configured_path(lists[name])} for name in ("train", "val"))
        return Proposal(proposal.tasks, train, val, proposal.notes)
    proposal = Proposal(proposal.tasks, whole, whole, proposal.notes)
    without = _without_labels(found, files)
    if not without:
        return divided(proposal)
    return divided(proposal, f"{without}, so only those of {found.name_of(files.folders[part][0])} are used")


def _without_labels(found: Listing, files: LabelSet) -> str:
    """Says which folder of images for training or validation has no label files, with its number of images, if any."""
    counts: Counter[str] = Counter()
    for image in found.images:
        for folder in map(found.name_of, image.parents[: len(image.relative_to(found.folder).parts) - 1]):
            is_part = part_in(folder) in {"train", "val"} - files.folders.keys()
            if is_part and without_part(folder) == files.images and image.name.endswith(files.image_end):
                counts[folder] += 1
    return " and ".join(
        f"{folder} has {number} image{'' if number == 1 else 's'} without label files"
        for folder, number in counts.items()
    )


def _lists(found: Listing, files: LabelSet, part: str) -> dict[str, Path]:
    """Returns the text files that list images for training and validation."""
    names = {image.name.removesuffix(files.image_end) for image, _ in files.pairs[part]}
    names |= {PurePosixPath(name).stem for name in names}
    lists: dict[str, Path] = {}
    for file in [one for one in found.others if one.suffix == ".txt" and part_in(one.stem)][:_MOST_LISTS]:
        try:
            words = read_text(file, "a list of names").split()
        except DataError:
            continue
        if words and PurePosixPath(words[0]).stem.removesuffix(files.image_end) in names:
            lists.setdefault(part_in(file.stem), file)
    return lists
