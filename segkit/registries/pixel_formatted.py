"""Datasets and models of images that are not RGB of 8 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from segkit.types import PixelFormat


@runtime_checkable
class PixelFormatted(Protocol):
    """A dataset or model of images that may have other channels than RGB, or 16 bits.

    The property is optional. Without it, images are RGB of 8 bits. A model is never given images of another format.
    """

    @property
    def pixel_format(self) -> PixelFormat:
        """Number of channels and type (`uint8` or `uint16`) of the images that a dataset gives or a model takes."""
