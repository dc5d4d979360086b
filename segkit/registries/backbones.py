"""Backbones: images to a pyramid of feature maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from segkit.registries.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from segkit.types import Feature


class Backbone(Protocol):
    """Extracts a pyramid of feature maps from a batch of images.

    A setting named `pretrained` or `weights` loads initial weights. A model that is built to receive a checkpoint gets
    False and None there.
    """

    @property
    def features(self) -> list[Feature]:
        """Channels and stride of each map, finest first."""

    def __call__(self, images: Tensor, /) -> list[Tensor]:
        """(B, 3, H, W) float, normalized -> [(B, Ci, Hi, Wi)], finest first. H and W are multiples of every stride."""


BACKBONES: Registry[Backbone] = Registry("backbone", "backbones", Backbone, base="torch.nn.Module")
"""The registered backbones; `Backbone` is their contract."""
