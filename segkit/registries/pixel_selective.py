"""Transforms that take images of some pixel formats only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from segkit.types import PixelFormat


@runtime_checkable
class PixelSelective(Protocol):
    """A transform that does not take images of every number of channels and every type.

    The method is optional. With it, `segkit check` and the begin of a training tell what else the first image would.
    """

    def require_pixels(self, pixels: PixelFormat, training: bool, /) -> None:
        """Raises ConfigError for images that it does not take; `training`: they have targets."""
