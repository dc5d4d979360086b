"""What a predictor makes of each of many images on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from segkit.errors import DataError
from segkit.types import ImageSizes, Result


@dataclass
class Outcome:
    """The outcome for one of many images: either `image` and `result`, or `error`."""

    file: str
    """Its path; `image 3` for the third of the images that have none."""
    image: Tensor | None = None
    """(C,H,W) of the model's pixel format, as read; reduced where a large file is read in windows."""
    result: Result | None = None
    """At the image's size, on the predictor's device; on the CPU where a large file is read in windows."""
    error: DataError | None = None
    """Why the image could not be read or is too small for the model."""


@dataclass
class Prepared:
    """An image as the model takes it."""

    file: str
    original: Tensor
    """(C,H,W) of the model's pixel format, as read."""
    image: Tensor
    """(C,H',W') of the same, transformed."""
    sizes: ImageSizes

    def fits_beside(self, others: Sequence[Prepared], size_divisor: int) -> bool:
        """Returns whether it may go through the model together with others.

        Images in a batch pad to the same size. One of a single cell in the coarsest map goes alone: torch's group norm
        refuses a single value, but not those of several images, and a result must not depend on its neighbors.

        Args:
            others: Those that wait for the same batch.
            size_divisor: Of the model.
        """
        padded = self.sizes.padded
        return not others or (padded == others[0].sizes.padded and max(padded) > size_divisor)


@dataclass
class LargeFile:
    """A file that is read in windows, since its image is large."""

    file: str
