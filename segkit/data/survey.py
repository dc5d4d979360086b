"""Reads a whole dataset, in parallel, and keeps of each image what tells whether it is sound."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.data.channel_sums import ChannelSums
from segkit.data.limit import without_limit
from segkit.data.near_duplicates import thumbnail
from segkit.data.read_sample import read_sample
from segkit.data.tally import Tally
from segkit.data.void_for_class import ImageClasses
from segkit.data.workers import TIMEOUT, WorkerBatches, in_batches
from segkit.errors import DataError, UnknownIdsError
from segkit.ops.targets import pixel_counts
from segkit.registries import Dataset, ExplainedDataset
from segkit.types import RGB, Sample, Target

TINY = 16
"""Segments of fewer pixels are tiny: they cover less than one pixel of a mask map, whose sides are a quarter of the
image's."""

_DIGEST_STRIDE = 4
"""Of the pixels by which targets are compared."""

_IMAGES_AT_A_TIME = 8
"""Images that a worker process reads before it sends what it found."""


@dataclass(frozen=True)
class ImageFacts(ImageClasses):
    """What is kept of one image that could be read."""

    index: int
    """In the dataset."""
    segments: int
    """Crowds excluded."""
    empty: int
    """Segments without pixels."""
    tiny: int
    """Segments of 1 to 15 pixels."""
    repeated: int
    """Segments with the class and the pixels of another one of the image."""
    void: float
    """Fraction of the pixels that is void or in crowds alone."""
    digest: bytes
    """Equal for images of equal pixels."""
    target_digest: bytes
    """Equal for equal targets; empty where no segment shares the valid pixels with something else."""
    thumbnail: bytes
    """Alike for images that show the same."""


@dataclass(frozen=True)
class BadImage:
    """An image that cannot be read, or whose target cannot be used."""

    index: int
    """In the dataset."""
    error: str
    """What is wrong. It begins with the name of the file."""
    unknown_ids: bool = False
    """Whether its label file holds ids of no class, which what the dataset says about stored ids may explain."""

    @classmethod
    def of(cls, index: int, error: DataError) -> BadImage:
        """Returns the image of an error.

        Example:
            >>> BadImage.of(3, DataError("a.png: broken.")).error
            'a.png: broken.'
        """
        return cls(index, str(error), isinstance(error, UnknownIdsError))


@dataclass
class Survey:
    """What was read of a dataset."""

    classes: Classes
    tally: Tally
    """Of all images that could be read."""
    images: list[ImageFacts] = field(default_factory=list)
    bad: list[BadImage] = field(default_factory=list)
    stored_ids: npt.NDArray[np.int64] | None = None
    """(65536,) or (D, 65536) pixels of each id in all label files, where the dataset tells them."""

    channels: ChannelSums | None = None
    """Of the pixels of all images, where these are not RGB of 8 bits."""

    def add(self, other: Survey) -> None:
        """Adds what was read of other images of the same dataset."""
        self.tally.add_tally(other.tally)
        self.images += other.images
        self.bad += other.bad
        if other.channels is not None:
            self.channels = other.channels if self.channels is None else self.channels + other.channels
        if other.stored_ids is not None:
            self.stored_ids = other.stored_ids if self.stored_ids is None else self.stored_ids + other.stored_ids


def survey_dataset(
    dataset: Dataset,
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
    *,
    section: str = "data",
    timeout: float = TIMEOUT,
) -> Survey:
    """Reads all images and targets of a dataset.

    Those that cannot be read are noted, and are no error.

    Args:
        dataset: Any dataset.
        workers: Processes that read; 0 reads in this one.
        progress: Called with the number of images that were read since the last call.
        section: Of the config, such as `data.val`, for messages.
        timeout: Seconds to wait for a worker.

    Raises:
        DataError: A worker hangs or has ended.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> survey = survey_dataset(Shapes(length=3))
        >>> len(survey.images), len(survey.bad), survey.images[0].segments, survey.images[0].empty
        (3, 0, 6, 0)
    """
    indices = range(len(dataset))
    batches = in_batches(indices, _IMAGES_AT_A_TIME)
    total = Survey(dataset.classes, Tally(len(dataset.classes)))
    parts = WorkerBatches(_Look(dataset), _joined, batches, workers, index_of=int, section=section, timeout=timeout)
    for part in parts:
        total.add(part)
        if progress is not None:
            progress(len(part.images) + len(part.bad))
    return total


class _Look:
    """Looks at one image, in a worker process."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __call__(self, index: int) -> Survey:
        classes = self._dataset.classes
        found = Survey(classes, Tally(len(classes)))
        try:
            sample = read_sample(self._dataset, index)
            _add_sample(found, sample, index)
        except DataError as error:
            found.bad.append(BadImage.of(index, error))
        found.stored_ids = self._stored_ids(index)
        return found

    def _stored_ids(self, index: int) -> npt.NDArray[np.int64] | None:
        whole = without_limit(self._dataset)
        if not isinstance(whole, ExplainedDataset):
            return None
        try:
            return whole.stored_ids(index)
        except DataError:  # noted already: without its label file, there is no sample
            return None


def _add_sample(found: Survey, sample: Sample, index: int) -> None:
    target = found.tally.add_sample(sample)
    if not RGB.fits(sample.image):
        found.channels = ChannelSums.of(sample.image)
    of_all = pixel_counts(target)  # (N,)
    pixels = of_all if target.is_crowd is None else of_all[~target.is_crowd]
    seen = ImageClasses.of(sample.file, target)
    found.images.append(
        ImageFacts(
            seen.file,
            seen.classes,
            seen.has_void,
            index=index,
            segments=len(pixels),
            empty=int((pixels == 0).sum()),
            tiny=int(((pixels > 0) & (pixels < TINY)).sum()),
            repeated=_repeated(target),
            void=found.tally.fraction(found.tally.void),
            digest=_digest(sample),
            target_digest=_target_digest(target, of_all),
            thumbnail=thumbnail(sample.image),
        )
    )


def _repeated(target: Target) -> int:
    """Counts the segments that have the class and the pixels of an earlier one."""
    masks = target.overlapping_masks
    if masks is None:
        return 0
    of_number: dict[tuple[int, int], list[Tensor]] = {}  # only masks of equally many pixels need be compared
    repeated = 0
    for label, pixels, mask in zip(target.labels.tolist(), pixel_counts(target).tolist(), masks, strict=True):
        others = of_number.setdefault((label, pixels), [])
        is_repeated = pixels > 0 and any(torch.equal(mask, other) for other in others)
        repeated += is_repeated
        if not is_repeated:
            others.append(mask)
    return repeated


def _digest(sample: Sample) -> bytes:
    pixels = np.ascontiguousarray(sample.image.permute(1, 2, 0).numpy())  # as decoders write them: mostly no copy
    return hashlib.blake2b(pixels.data, digest_size=16, key=str(pixels.shape).encode()).digest()


def _target_digest(target: Target, pixels: Tensor) -> bytes:
    height, width = target.size
    valid = height * width if target.valid is None else int(target.valid.sum())
    if not ((pixels > 0) & (pixels < valid)).any():
        return b""
    maps = target.overlapping_masks if target.segment_map is None else target.segment_map
    assert maps is not None, "a target has one of both"
    digest = hashlib.blake2b(digest_size=16, key=str(target.size).encode())
    for values in (target.labels, pixels, maps[..., ::_DIGEST_STRIDE, ::_DIGEST_STRIDE]):
        digest.update(values.contiguous().numpy().tobytes())
    return digest.digest()


def _joined(parts: list[Survey]) -> Survey:
    for other in parts[1:]:
        parts[0].add(other)
    return parts[0]
