"""Pixel decoders: backbone features to mask features and a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from segkit.registries.registry import Registry
from segkit.registries.stepped import Stepped

if TYPE_CHECKING:
    from torch import Tensor

    from segkit.types import Feature


class PixelDecoder(Protocol):
    """Turns the backbone's maps into mask features and the memory that a transformer decoder attends to.

    A `forward` may name what else it needs, by keyword:

    * `sizes: Sequence[Size] | None = None`: the (height, width) of each image without its padding; None = no padding
    * `deferred: bool = False`: True = in place of mask features it may return `DeferredFeatures(map, convolution)`, and
      leave a last convolution without an activation to those who read masks. That is asked for on a CPU, of a decoder
      before a transformer decoder that takes them
    """

    @property
    def mask_dim(self) -> int:
        """E, the channels of the mask features."""

    @property
    def memory(self) -> list[Feature]:
        """Channels and stride of each memory map, finest first."""

    def __call__(self, features: list[Tensor], /) -> tuple[Tensor, list[Tensor]]:
        """[(B, Ci, Hi, Wi)], finest first -> mask features (B, E, h, w), memory [(B, Ci, Hi, Wi)]."""


PIXEL_DECODERS: Registry[PixelDecoder] = Registry(
    "pixel_decoder",
    "pixel_decoders",
    PixelDecoder,
    injected=("features",),
    optional=(Stepped,),
    base="torch.nn.Module",
)
"""The registered pixel decoders; `PixelDecoder` is their contract."""
