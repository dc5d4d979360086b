"""What a folder holds, as far as the first config depends on it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path
from statistics import median

from segkit.build import build_part
from segkit.classes import Classes
from segkit.data.findings import is_certain, nothing_annotated, suspicions
from segkit.data.in_time import in_time
from segkit.data.paths import without_parents
from segkit.data.problems import call_all
from segkit.data.sampling import DatasetSample, sample_dataset
from segkit.data.workers import TIMEOUT
from segkit.datasets._layouts import propose
from segkit.datasets._proposal import Proposal, Settings, Wishes
from segkit.datasets._same_classes import same_classes
from segkit.errors import DataError
from segkit.registries import DATASETS, Dataset
from segkit.types import Size

_SIZES = 16
"""Images whose sizes are looked at."""

_LISTED = 20
"""Class names that a config lists. More are left to the annotations."""


@dataclass(frozen=True)
class Findings:
    """How a folder is read, and what it holds."""

    folder: Path
    proposal: Proposal
    train: DatasetSample
    val: DatasetSample
    sizes: list[Size]
    """Height and width of some images of `train`."""

    @property
    def classes(self) -> Classes:
        """The classes of both datasets."""
        return self.train.classes

    @property
    def size(self) -> Size:
        """The median height and width."""
        return int(median(height for height, _ in self.sizes)), int(median(width for _, width in self.sizes))

    @property
    def most_segments(self) -> int:
        """The most segments in one image."""
        samples = (self.train, self.val)
        counted = max(sample.counts.most_segments if sample.counts is not None else 0 for sample in samples)
        return max(counted, *(sample.tally.most_segments for sample in samples))

    def lines(self) -> list[str]:
        """Returns what is said about the folder."""
        things = [name for name, thing in zip(self.classes.names, self.classes.things, strict=True) if thing]
        stuff = [name for name in self.classes.names if name not in things]
        least, most = (_in_words(side) for side in (min(self.sizes, key=prod), max(self.sizes, key=prod)))
        named = [(f"things ({len(things)})", things), (f"stuff ({len(stuff)})", stuff)]
        if self.proposal.task == "semantic":
            named = [(f"classes ({len(self.classes)})", list(self.classes.names))]
        return [
            f"{self.folder}: {self.proposal.train['type']}, for {self.proposal.task} segmentation",
            *(f"  {what}: {_some(names)}" for what, names in named if names),
            f"  images: {least}" + (f" to {most}" if most != least else ""),
            f"  for training: {self.train.in_words()}",
            f"  for validation: {self.val.in_words()}",
            *(f"  {note}" for note in self.proposal.notes),
            *(f"  warning: {text}" for text in suspicions(self.train)),
            *(f"  With --task {task}, {task} segmentation is learned instead." for task in self.proposal.tasks[1:]),
        ]


def look_at(folder: str | os.PathLike[str], type: str | None = None, wishes: Wishes | None = None) -> Findings:
    """Looks at a folder of data: its format, classes, sizes and numbers of images and segments.

    Args:
        folder: The folder.
        type: The type of the dataset; None if the folder shall show it.
        wishes: Task and classes, if the user names them.

    Raises:
        DataError: the folder does not exist, holds no data, it cannot be told how to read it, or an image is not
            loaded in five minutes.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("images", "masks"):
        ...         Path(folder, name).mkdir()
        ...         for number in range(2):
        ...             image = Image.effect_noise((32, 32), 90) if name == "images" else Image.new("L", (32, 32))
        ...             image.save(f"{folder}/{name}/{number}.png")
        ...     findings = look_at(folder, wishes=Wishes(classes=["sky"]))
        >>> findings.proposal.task, findings.size, findings.train.length
        ('semantic', (32, 32), 1)
    """
    place = without_parents(Path(folder))
    if not place.is_dir():
        what = "is no folder" if place.exists() else "there is no such folder"
        raise DataError(f"{place}: {what}. Name the folder of images and annotations.")
    # Absolute, since relative paths of datasets are relative to another folder.
    proposal = propose(place.absolute(), type, wishes or Wishes())
    train, val = call_all(partial(build_part, DATASETS, settings) for settings in (proposal.train, proposal.val))
    if _chooses_classes(proposal.train) and (len(train.classes) <= _LISTED or train.classes.names != val.classes.names):
        # A dataset of a part of the images may lack some classes: both are given the same.
        proposal, val = _with_classes(proposal, train, val)
    same_classes(train.classes, val.classes, ("data.train", "data.val"), "Choose common ones by --classes.")
    parts = ((train, "training"), (val, "validation"))
    samples = call_all(partial(_sampled, dataset, place, purpose) for dataset, purpose in parts)
    step = max(1, len(train) // _SIZES)
    sizes = [in_time(partial(_size, train), index, None, TIMEOUT) for index in range(0, len(train), step)[:_SIZES]]
    return Findings(place, proposal, samples[0], samples[1], sizes)


def _size(dataset: Dataset, index: int) -> Size:
    return dataset[index].size


def _sampled(dataset: Dataset, folder: Path, purpose: str) -> DatasetSample:
    """Looks at a dataset.

    Raises:
        DataError: an image cannot be read, or none has an annotation.
    """
    sample = sample_dataset(dataset, timeout=TIMEOUT)
    if sample.bad:
        raise DataError("\n".join(one.error for one in sample.bad))
    if is_certain(sample) and (nothing := nothing_annotated(sample)):
        raise DataError(f"{folder}: the images for {purpose} have no annotations: {nothing}")
    return sample


def _chooses_classes(settings: Mapping[str, object]) -> bool:
    return settings["type"] in ("labelme", "coco_instance") and "classes" not in settings


def _with_classes(proposal: Proposal, train: Dataset, val: Dataset) -> tuple[Proposal, Dataset]:
    """Names the classes of the training data in both datasets."""
    named: Settings = {"classes": list(train.classes.names)}
    proposal = replace(proposal, train={**proposal.train, **named}, val={**proposal.val, **named})
    return proposal, val if train.classes.names == val.classes.names else build_part(DATASETS, proposal.val)


def _some(names: list[str]) -> str:
    # The names of ADE20K hold commas.
    shown = ("; " if any("," in name for name in names) else ", ").join(names[:_LISTED])
    return f"{shown} and {len(names) - _LISTED} more" if len(names) > _LISTED else shown


def _in_words(size: Size) -> str:
    return f"{size[1]}x{size[0]}"
