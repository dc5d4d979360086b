"""The segments of all images of a COCO file, in little memory.

A parsed JSON file takes one Python object per number. Datasets keep a few flat arrays of it, whose memory all loading
workers share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from segkit.registries import AnnotationCounts

Image = TypeVar("Image")
Mask = TypeVar("Mask")


@dataclass(frozen=True)
class Segments:
    """Labels, crowds and areas of the segments (or instances) of all images, one after the other. S: all segments.

    They are known without reading any image.
    """

    starts: npt.NDArray[np.int64]
    """(images + 1,): image i has the segments starts[i] .. starts[i+1] - 1."""
    labels: npt.NDArray[np.int64]
    """(S,) class index 0..K-1."""
    is_crowd: npt.NDArray[np.bool_]
    """(S,)"""
    areas: npt.NDArray[np.float32]
    """(S,) in pixels, as the file gives them. NaN where it does not."""

    def of(self, image: int) -> npt.NDArray[np.int64]:
        """Returns the indices (N,) of the segments of an image. As in a list, image -1 is the last one.

        Indexing with them copies, so that nobody changes the dataset by changing a target.
        """
        image %= len(self.starts) - 1
        return np.arange(self.starts[image], self.starts[image + 1])

    def counts(self, images: int, num_classes: int, merged: bool = False) -> AnnotationCounts:
        """Counts the segments of the first `images` images.

        Args:
            images: Number of images.
            num_classes: Number of classes.
            merged: All segments of a class in an image, crowds included, count as one segment.
        """
        end = self.starts[images]
        image_of = np.repeat(np.arange(images), np.diff(self.starts[: images + 1]))  # (S',)
        labels, is_crowd = self.labels[:end], self.is_crowd[:end]
        if merged:
            pairs = np.unique(image_of * num_classes + labels)
            image_of, labels = np.divmod(pairs, num_classes)
            is_crowd = np.zeros(len(pairs), dtype=np.bool_)
        return AnnotationCounts(
            segments=np.bincount(labels[~is_crowd], minlength=num_classes).tolist(),
            crowds=int(is_crowd.sum()),
            most_segments=int(np.bincount(image_of[~is_crowd]).max(initial=0)),
            crowd_classes=np.unique(labels[is_crowd]).tolist(),
            image_classes=_grouped(labels[~is_crowd], image_of[~is_crowd], images),
        )

    def areas_of(self, image: int, pixels: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Returns the areas (N,) of the segments of an image.

        Args:
            image: Index of the image.
            pixels: (N,) pixels of each mask, the areas where the file gives none.
        """
        areas = self.areas[self.of(image)]
        return np.where(np.isnan(areas), pixels, areas).astype(np.float32)


def _grouped(labels: npt.NDArray[np.int64], image_of: npt.NDArray[np.int64], images: int) -> list[list[int]]:
    """Returns the different labels of each image, ascending."""
    span = int(labels.max(initial=0)) + 1
    pairs = np.sort(image_of * span + labels, kind="stable")  # stable sorting is quick where much is sorted already
    owners, present = np.divmod(pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]], span)
    ends = np.cumsum(np.bincount(owners, minlength=images)).tolist()
    listed = present.tolist()
    return [listed[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True)
class Segment:
    """The values of one segment, as read from the file."""

    image: int
    """Index of its image."""
    label: int
    is_crowd: bool
    area: float
    """NaN where the file does not give it."""


def select(
    images: Sequence[Image], segments: Sequence[tuple[Segment, Mask]], kept: Sequence[int]
) -> tuple[list[Image], list[tuple[Segment, Mask]]]:
    """Returns the images at the places `kept`, and their segments with what tells the mask of each."""
    place_of = {old: new for new, old in enumerate(kept)}
    return [images[place] for place in kept], [
        (replace(segment, image=place_of[segment.image]), mask)
        for segment, mask in segments
        if segment.image in place_of
    ]


def make_segments(segments: list[Segment], images: int) -> tuple[Segments, npt.NDArray[np.int64]]:
    """Makes the arrays of all segments, sorted by image.

    Returns:
        The arrays, and (S,) the place of each of their segments in `segments`.
    """
    owners = np.array([segment.image for segment in segments], dtype=np.int64)
    order = np.argsort(owners, kind="stable")  # segments of an image stay in the order of the file
    # float32 holds whole areas up to 2**24 pixels exactly.
    return Segments(
        np.append(0, np.cumsum(np.bincount(owners, minlength=images), dtype=np.int64)),
        np.array([segment.label for segment in segments], dtype=np.int64)[order],
        np.array([segment.is_crowd for segment in segments], dtype=np.bool_)[order],
        np.array([segment.area for segment in segments], dtype=np.float32)[order],
    ), order
