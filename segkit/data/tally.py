"""Counts of what a dataset, the batches of a training or an evaluation really hold."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segkit.classes import Classes
from segkit.errors import DataError
from segkit.ops.targets import change_maps, have_pixels, pixel_counts, select_segments
from segkit.runtime.writing import Json
from segkit.types import Batch, Sample, Size, Target

_MOST_VALUES = 1 << 16
"""Values counted per image, one per pixel of a segment map or of each overlapping mask. Of more, every second (third,
...) row and column counts."""


class Tally:
    """Counts images, segments and pixels of targets.

    Segments without pixels do not count: nothing can be learned from them. Large images are counted on a grid, so that
    fractions of pixels are estimates there; numbers of segments are exact. An image costs about a millisecond, so
    batches are counted by the processes that load them (`segkit.data.loaded`).

    Args:
        num_classes: Number of classes K of the targets.

    Example:
        >>> tally = Tally(num_classes=2)
        >>> tally.add(Target(torch.tensor([1]), segment_map=torch.tensor([[0, 0, 0, -1]])))
        >>> tally.segments.tolist(), tally.fraction(tally.pixels[1]), tally.images
        ([0, 1], 0.75, 1)
    """

    def __init__(self, num_classes: int) -> None:
        self.images = 0
        self.images_without_segments = 0
        self.most_segments = 0
        """The largest number of segments of one image, crowds excluded."""
        # Arrays, since each tensor that a worker process sends is an open file.
        self.segments: NDArray[np.int64] = np.zeros(num_classes, dtype=np.int64)
        """(K,) segments of each class, crowds excluded."""
        self.crowds_of: NDArray[np.int64] = np.zeros(num_classes, dtype=np.int64)
        """(K,) crowds of each class."""
        self.pixels: NDArray[np.int64] = np.zeros(num_classes, dtype=np.int64)
        """(K,) pixels of each class. A pixel of several overlapping segments counts in each."""
        self.void = 0
        """Pixels that are left out: void, or in a crowd alone."""
        self.known = 0
        """All other pixels, those of no segment included."""
        self.covered = 0
        """Pixels in at least one segment."""

    def add(self, target: Target, unpadded: Size | None = None) -> None:
        """Counts one target on the CPU.

        Args:
            target: Of one image.
            unpadded: (height, width) of the part to count, at the top left; by default everything.

        Raises:
            DataError: a label is not a class index.
        """
        num_classes = len(self.segments)
        if len(target) and not 0 <= int(target.labels.min()) <= int(target.labels.max()) < num_classes:
            raise DataError(
                f"the target has the labels {sorted(set(target.labels.tolist()))}, but the class indices are "
                f"0..{num_classes - 1}. Correct the dataset that makes it."
            )
        height, width = unpadded or target.size
        target = change_maps(target, lambda values: values[..., :height, :width])
        present = have_pixels(target)
        if not bool(present.all()):
            target = select_segments(target, present)
        planes = 1 if target.overlapping_masks is None else len(target)
        step = max(1, math.isqrt(planes * height * width // _MOST_VALUES))
        grid = change_maps(target, lambda values: values[..., ::step, ::step])
        segments, in_crowd = _without_crowds(grid)
        covered = _covered(segments)  # (h, w)
        left_out = in_crowd if grid.valid is None else in_crowd | ~grid.valid
        void, area = int((left_out & ~covered).sum()), step * step
        self.images += 1
        self.images_without_segments += len(segments) == 0
        self.most_segments = max(self.most_segments, len(segments))
        if len(segments) < len(grid):
            np.add.at(self.crowds_of, target.labels[target.is_crowd].numpy(), 1)
        np.add.at(self.segments, segments.labels.numpy(), 1)
        np.add.at(self.pixels, segments.labels.numpy(), area * pixel_counts(segments).numpy())
        self.void += area * void
        self.known += area * (covered.numel() - void)
        self.covered += area * int(covered.sum())

    def add_sample(self, sample: Sample) -> Target:
        """Counts the target of a sample and returns it.

        Raises:
            DataError: A label is not a class index.
        """
        assert sample.target is not None, f"{sample.file}: a dataset must give each sample a target"
        try:
            self.add(sample.target)
        except DataError as error:
            raise DataError(f"{sample.file}: {error}") from None
        return sample.target

    def add_batch(self, batch: Batch, padded: bool = False) -> None:
        """Counts the targets of a batch; `padded` tells that they have its padding, as in training.

        Raises:
            DataError: A label is not a class index.
        """
        for target, sizes, file in zip(batch.targets, batch.sizes, batch.files, strict=True):
            try:
                self.add(target, sizes.unpadded if padded else None)
            except DataError as error:
                raise DataError(f"{file}: {error}") from None

    def add_tally(self, other: Tally) -> None:
        """Adds the counts of another tally."""
        self.images += other.images
        self.images_without_segments += other.images_without_segments
        self.most_segments = max(self.most_segments, other.most_segments)
        self.segments += other.segments
        self.crowds_of += other.crowds_of
        self.pixels += other.pixels
        self.void += other.void
        self.known += other.known
        self.covered += other.covered

    def merge(self, others: Sequence[Tally]) -> Tally:
        """Returns the sum of this tally and others."""
        total = Tally(len(self.segments))
        for one in (self, *others):
            total.add_tally(one)
        return total

    def fraction(self, pixels: np.int64 | int) -> float:
        """Returns the fraction of all pixels that `pixels` are, 0 where there is no pixel."""
        return int(pixels) / max(1, self.void + self.known)

    @property
    def crowds(self) -> int:
        """All crowds."""
        return int(self.crowds_of.sum())

    @property
    def absent(self) -> list[int]:
        """The class indices that no segment has, though crowds may have them."""
        return [int(index) for index in np.flatnonzero(self.segments == 0)]

    @property
    def only_class(self) -> int | None:
        """The class index that all known pixels have, if there is one."""
        present = np.flatnonzero(self.pixels)
        return int(present[0]) if len(present) == 1 and self.covered == self.known else None

    def to_dict(self, classes: Classes) -> dict[str, Json]:
        """Returns the counts in the form that `data_summary.json` holds. Pixels are fractions of all pixels."""
        total = int(self.segments.sum())
        return {
            "images": self.images,
            "images_without_segments": self.images_without_segments,
            "segments": total,
            "segments_per_image": round(total / max(1, self.images), 3),
            "most_segments": self.most_segments,
            "crowds": self.crowds,
            "void": _rounded(self.fraction(self.void)),
            "no_segment": _rounded(self.fraction(self.known - self.covered)),
            "classes": {
                name: {"segments": int(segments), "pixels": _rounded(self.fraction(pixels))}
                for name, segments, pixels in zip(classes.names, self.segments, self.pixels, strict=True)
            },
        }


def _without_crowds(target: Target) -> tuple[Target, Tensor]:
    """Returns a target without its crowds, and where it has a crowd, (H, W) bool."""
    if target.is_crowd is None or not bool(target.is_crowd.any()):
        return target, torch.zeros(target.size, dtype=torch.bool)
    return select_segments(target, ~target.is_crowd), _covered(select_segments(target, target.is_crowd))


def _covered(target: Target) -> Tensor:
    """Returns where a target has a segment, (H, W) bool."""
    if target.segment_map is not None:
        return target.segment_map >= 0
    return target.masks.any(0)


def _rounded(fraction: float) -> float:
    return float(f"{fraction:.4g}")
