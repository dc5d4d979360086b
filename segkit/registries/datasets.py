"""Datasets: images with their targets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from segkit.registries.pixel_formatted import PixelFormatted
from segkit.registries.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from segkit.classes import Classes
    from segkit.types import Sample


@dataclass(frozen=True)
class AnnotationCounts:
    """Numbers of the annotations of many images, as a `CountedDataset` returns them."""

    segments: list[int]
    """(K,) segments of each class, crowds excluded."""
    crowds: int
    """Annotations that are crowds."""
    most_segments: int
    """The largest number of segments of one image, crowds excluded."""
    image_classes: Sequence[Sequence[int]] | None = field(default=None, compare=False)
    """For each image, the different classes of its segments, crowds excluded; None where this is not known."""
    crowd_classes: Collection[int] = field(default=(), compare=False)
    """The different classes of the crowds; empty where this is not known."""


class Dataset(Protocol):
    """A sequence of samples, untransformed, each with its target."""

    @property
    def classes(self) -> Classes:
        """The classes that the labels of all targets refer to."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample:
        """Sample `index`, from 0. Raises DataError, with the file's name, for a file that cannot be read."""


@runtime_checkable
class CountedDataset(Dataset, Protocol):
    """A dataset that knows the numbers of all its annotations without reading images. The method is optional.

    A training checks them before its first step. Without them it checks a sample of the images alone.
    """

    def annotation_counts(self, images: int, /) -> AnnotationCounts | None:
        """Counts the annotations of the first `images` images; None where some of these are not known."""


@runtime_checkable
class ExplainedDataset(Dataset, Protocol):
    """A dataset that can explain odd targets by the ids in its label files. Both methods are optional."""

    def stored_ids(self, index: int, /) -> npt.NDArray[np.int64]:
        """(65536,) number of pixels of each id in the label file of sample `index`.

        A dataset that is made of several returns (D, 65536), one row for each.
        """

    def explain(self, pixels: npt.NDArray[np.int64], /) -> str:
        """Returns what is odd about the ids and what to do, or an empty text.

        `pixels` is the sum of `stored_ids` over some samples.
        """


DATASETS: Registry[Dataset] = Registry(
    "dataset", "datasets", Dataset, composes=True, optional=(CountedDataset, ExplainedDataset, PixelFormatted)
)
"""The registered datasets; `Dataset` is their contract."""
