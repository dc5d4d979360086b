"""How a folder of data may be read: the settings of datasets that `segkit init-data` proposes for it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from segkit.errors import DataError, join_first

Settings = dict[str, Any]
"""`type` and the settings of a dataset, as a config has them."""

SEMANTIC, INSTANCE, PANOPTIC = "semantic", "instance", "panoptic"

_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""Word in the name of a folder or file -> the part of the images that it holds."""

_WORD = re.compile(rf"(?<![a-z])({'|'.join(sorted(_WORDS, key=len, reverse=True))})(?![a-z])", re.IGNORECASE)

_PARTS = ({"all_but": 0.2, "seed": 0}, {"share": 0.2, "seed": 0})


@dataclass(frozen=True)
class Wishes:
    """What the user says about a folder."""

    task: str | None = None
    """`semantic`, `instance` or `panoptic`."""
    classes: list[str] | str | None = None
    """Names, or a file that lists them."""


@dataclass(frozen=True)
class Proposal:
    """How a folder may be read."""

    tasks: Sequence[str]
    """What can be learned, the chosen task first."""
    train: Settings
    val: Settings
    notes: list[str] = field(default_factory=list)
    """What was decided, in sentences."""

    @property
    def task(self) -> str:
        """The chosen task."""
        return self.tasks[0]

    @property
    def is_divided(self) -> bool:
        """Whether images for validation are drawn from those for training."""
        return self.train.get("split") == _PARTS[0]


def part_in(name: str) -> str:
    """Returns `train`, `val` or `test` for a name that says so, else an empty text. The last word counts.

    Example:
        >>> part_in("instances_train2017"), part_in("gtFine/validation"), part_in("trains")
        ('train', 'val', '')
    """
    found = _WORD.findall(name)
    return _WORDS[found[-1].lower()] if found else ""


def are_of_one_part(first: Path, second: Path) -> bool:
    """Returns whether files in two folders may belong together: not one for training with one for validation.

    Of each folder, the last name that says so counts; one for both parts fits to either.

    Example:
        >>> images = Path("data/images/val")
        >>> [are_of_one_part(images, Path(name)) for name in ("labels/valid", "labels/train/a", "labels")]
        [True, False, True]
    """
    ours, theirs = _parts_in(first), _parts_in(second)
    return not ours or not theirs or bool(ours & theirs)


def _parts_in(folder: Path) -> set[str]:
    words = (_WORD.findall(name) for name in reversed(folder.parts))
    return {_WORDS[word.lower()] for word in next(filter(None, words), [])}


def without_part(name: str) -> str:
    """Returns a name without what differs between the parts of the images.

    Example:
        >>> without_part("images/train"), without_part("val_labels")
        ('images/*', '*_labels')
    """
    return _WORD.sub("*", name)


def choose_task(possible: Sequence[str], wishes: Wishes, folder: Path) -> list[str]:
    """Returns the tasks with the chosen one first.

    Raises:
        DataError: the user asks for a task for which the folder has no annotations.
    """
    if wishes.task is None:
        return list(possible)
    if wishes.task not in possible:
        raise DataError(
            f"{folder}: these annotations do not tell what --task {wishes.task} needs. Use --task "
            f"{' or '.join(possible)}."
        )
    return [wishes.task, *(task for task in possible if task != wishes.task)]


def divided(proposal: Proposal, reason: str = "The folder has no images for validation") -> Proposal:
    """Draws images for validation from those of `train`, for a folder without such a part, and notes the reason."""
    train, val = ({**proposal.train, "split": dict(part)} for part in _PARTS)
    note = (
        f"{reason}: a fifth of them is drawn by name. For images that follow each other, as in a video, write two "
        f"lists of names instead."
    )
    return replace(proposal, train=train, val=val, notes=[*proposal.notes, note])


def no_validation(folder: Path, has: Sequence[str], remedy: str) -> DataError:
    """Returns the error of a format whose images cannot be divided by a setting."""
    there = f"It has: {join_first(sorted(has))}." if has else "It has neither."
    return DataError(f"{folder}: images for training and for validation are needed. {there} {remedy}")
