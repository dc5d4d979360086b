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

    def fits_beside(self, others: Sequence[Prepared]) -> bool:
        """Returns whether it pads to the same size as others, which wait for the same batch."""
        return not others or self.sizes.padded == others[0].sizes.padded


@dataclass
class LargeFile:
    """A file that is read in windows, since its image is large."""

    file: str
