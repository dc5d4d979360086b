"""Sizes of images and of feature maps."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]
"""(height, width) in pixels."""


@dataclass(frozen=True)
class Feature:
    """Size of one feature map, published by the part that makes it for the part that reads it."""

    channels: int
    stride: int
    """Pixels of the image per pixel of the map."""


@dataclass(frozen=True)
class ImageSizes:
    """The three sizes a postprocessor needs of one image of a batch."""

    padded: Size
    """Size of the batch that the model sees."""
    unpadded: Size
    """Size of the image within it, at the top left."""
    output: Size
    """Size of the wanted result."""
