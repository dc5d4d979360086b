"""Transforms: changes of an image together with its target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from segkit.registries.pixel_selective import PixelSelective
from segkit.registries.registry import Registry

if TYPE_CHECKING:
    from segkit.types import Sample


class Transform(Protocol):
    """Changes the image of a sample, and its target with it.

    It draws random numbers from torch's global generator, which the loader seeds for each sample.
    """

    def __call__(self, sample: Sample, /) -> Sample:
        """A new sample; the given one stays unchanged. A target of None stays None."""


TRANSFORMS: Registry[Transform] = Registry("transform", "transforms", Transform, optional=(PixelSelective,))
"""The registered transforms; `Transform` is their contract."""
