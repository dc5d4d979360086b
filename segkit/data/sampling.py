"""A look at a dataset before it is used: a bounded, deterministic sample of its targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import torch

from segkit.classes import Classes
from segkit.data.in_time import in_time
from segkit.data.limit import without_limit
from segkit.data.read_sample import read_sample
from segkit.data.survey import BadImage
from segkit.data.tally import Tally
from segkit.data.void_for_class import ImageClasses
from segkit.errors import DataError, counted
from segkit.registries import AnnotationCounts, CountedDataset, Dataset, ExplainedDataset
from segkit.runtime.writing import Json
from segkit.types import Size

MOST_IMAGES = 64
"""Images looked at."""

MOST_MEGAPIXELS = 48
"""Pixels of all images looked at, in millions: few large images take as long as many small ones."""

_PATIENCE = 8
"""How many times as many images are looked at where the first ones show no segment at all."""


@dataclass(frozen=True)
class DatasetSample:
    """What a sample of a dataset shows, and what the dataset tells of all of its annotations."""

    classes: Classes
    length: int
    """Images of the dataset."""
    tally: Tally
    """Of the images looked at."""
    counts: AnnotationCounts | None
    """Of all images, if the dataset publishes them."""
    stored_ids: str
    """What the dataset says about the ids in its label files; empty where it sees nothing odd."""
    images: tuple[ImageClasses, ...] = ()
    """The images looked at."""
    indices: tuple[int, ...] = ()
    """Of the images looked at."""
    bad: tuple[BadImage, ...] = ()
    """Images that cannot be loaded."""
    also_read: int = 0
    """Images that were read as well and found to be sound, though they are not in the tally."""
    sizes: dict[int, Size] = field(default_factory=dict)
    """(height, width) of the images looked at, by index."""

    @property
    def complete(self) -> bool:
        """Whether all images were looked at."""
        return self.tally.images == self.length

    @property
    def images_in_words(self) -> str:
        """The images looked at, in words.

        Example:
            >>> from segkit.datasets.shapes import Shapes
            >>> sample_dataset(Shapes(length=1)).images_in_words, sample_dataset(Shapes(length=99)).images_in_words
            ('the only image', 'the 64 images looked at (of 99)')
        """
        if self.complete:
            return "the only image" if self.length == 1 else f"all {counted(self.length, 'image')}"
        return f"the {counted(self.tally.images, 'image')} looked at (of {self.length})"

    def to_dict(self) -> dict[str, Json]:
        """Returns the sample in the form that `data_summary.json` holds."""
        values: dict[str, Json] = {
            "images": self.length,
            "read": self.tally.images + self.also_read,
            "sample": self.tally.to_dict(self.classes),
        }
        if self.counts is not None:
            values["annotations"] = {
                "segments": sum(self.counts.segments),
                "most_segments": self.counts.most_segments,
                "crowds": self.counts.crowds,
                "classes": dict(zip(self.classes.names, self.counts.segments, strict=True)),
            }
        return values

    def in_words(self) -> str:
        """Returns one line for the console.

        Example:
            >>> from segkit.datasets.shapes import Shapes
            >>> sample_dataset(Shapes(length=2)).in_words()
            '2 of 2 images: 7 of 8 classes, 6.5 segments per image (at most 7), 3 % void'
        """
        tally = self.tally
        present = len(self.classes) - len(tally.absent)
        crowds = f", {counted(tally.crowds, 'crowd')}" if tally.crowds else ""
        sound = f"; {tally.images + self.also_read} of {self.length} can be read" if self.also_read else ""
        return (
            f"{tally.images} of {self.length} images: {present} of {len(self.classes)} classes, "
            f"{int(tally.segments.sum()) / max(1, tally.images):.1f} segments per image (at most "
            f"{tally.most_segments}){crowds}, {percent(tally.fraction(tally.void))} void{sound}"
        )


def sample_dataset(dataset: Dataset, section: str | None = None, timeout: float | None = None) -> DatasetSample:
    """Looks at up to 64 images of a dataset, fewer if they are large, spread over all of it.

    The choice follows from the length of the dataset and the sizes of its images alone. No random number is drawn
    from a global generator. It takes about as long as loading the images once in one process, a second or two.

    Args:
        dataset: Any dataset.
        section: The section of the config that sets `timeout`, such as `data.train`, for messages.
        timeout: Seconds to wait for an image; None waits without end.

    Raises:
        DataError: An image is not loaded in time.
    """
    tally = Tally(len(dataset.classes))
    sizes: dict[int, Size] = {}
    images: list[ImageClasses] = []
    bad: list[BadImage] = []
    counts = annotation_counts(dataset)
    # A dataset that draws random numbers by itself must not change those of the training.
    with torch.random.fork_rng(devices=[]):
        for index in order_of(dataset):
            found = counts is not None or bool(tally.segments.any())
            patience = 1 if found else _PATIENCE
            pixels = tally.void + tally.known
            if tally.images + len(bad) >= patience * MOST_IMAGES or pixels >= patience * MOST_MEGAPIXELS * 1e6:
                break
            seen = in_time(partial(_seen, dataset, tally), index, section, timeout)
            if isinstance(seen, BadImage):
                bad.append(seen)
                continue
            images.append(seen[0])
            sizes[index] = seen[1]
    stored_ids = _explain_ids(dataset, sorted([*sizes, *(one.index for one in bad)]))
    return DatasetSample(
        dataset.classes,
        len(dataset),
        tally,
        counts,
        stored_ids,
        tuple(images),
        indices=tuple(sizes),
        bad=tuple(bad),
        sizes=sizes,
    )


def _seen(dataset: Dataset, tally: Tally, index: int) -> tuple[ImageClasses, Size] | BadImage:
    """Counts an image; returns what it shows and its size, or what is wrong with it."""
    try:
        sample = read_sample(dataset, index)
        return ImageClasses.of(sample.file, tally.add_sample(sample)), sample.size
    except DataError as error:
        return BadImage.of(index, error)


def order_of(dataset: Dataset) -> list[int]:
    """Returns all indices of a dataset in the order in which a sample of it is taken."""
    return torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0)).tolist()


def annotation_counts(dataset: Dataset) -> AnnotationCounts | None:
    """Returns the counts that a dataset publishes of its annotations, if it does."""
    whole = without_limit(dataset)
    return whole.annotation_counts(len(dataset)) if isinstance(whole, CountedDataset) else None


def percent(fraction: float) -> str:
    """Returns a fraction as a percentage; only what is exactly nothing or everything is 0 % or 100 %.

    Example:
        >>> percent(0.157), percent(0.0001), percent(0.9999)
        ('16 %', 'less than 1 %', 'more than 99 %')
    """
    if 0 < fraction < 0.01:
        return "less than 1 %"
    if 0.99 < fraction < 1:
        return "more than 99 %"
    return f"{100 * fraction:.0f} %"


def evaluated_sample(dataset: Dataset, tally: Tally, images: Sequence[ImageClasses]) -> DatasetSample:
    """Returns what an evaluation has seen of a dataset, in the form of a sample.

    Label files are read once more for the meaning of their ids: as many as a sample holds.

    Args:
        dataset: The evaluated one.
        tally: Of its targets.
        images: All that were evaluated.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> sample = sample_dataset(Shapes(length=2))
        >>> evaluated_sample(Shapes(length=2), sample.tally, sample.images).in_words()
        '2 of 2 images: 7 of 8 classes, 6.5 segments per image (at most 7), 3 % void'
    """
    pixels = (tally.void + tally.known) / max(1, tally.images)
    number = min(MOST_IMAGES, math.ceil(MOST_MEGAPIXELS * 1e6 / max(1, pixels)))
    stored_ids = _explain_ids(dataset, sorted(order_of(dataset)[:number]))
    return DatasetSample(dataset.classes, len(dataset), tally, annotation_counts(dataset), stored_ids, tuple(images))


def _explain_ids(dataset: Dataset, indices: list[int]) -> str:
    """Returns what the dataset says about the ids in the label files of these images."""
    whole = without_limit(dataset)
    if not isinstance(whole, ExplainedDataset):
        return ""
    total = None
    for index in indices:
        with suppress(DataError):  # of a label file that cannot be read
            pixels = whole.stored_ids(index)
            total = pixels if total is None else total + pixels
    return "" if total is None else whole.explain(total)
