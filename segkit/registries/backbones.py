"""Backbones: images to a pyramid of feature maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from segkit.registries.layered import Layered
from segkit.registries.registry import OuterSetting, Registry
from segkit.registries.stepped import Stepped

if TYPE_CHECKING:
    from torch import Tensor, nn

    from segkit.types import Feature


class Backbone(Protocol):
    """Extracts a pyramid of feature maps from a batch of images.

    A setting named `pretrained` or `weights` loads initial weights. A model that is built to receive a checkpoint gets
    False and None there.

    A backbone whose initial weights were trained with normalized pixels may publish their mean and deviation; see
    `NormalizedBackbone`.

    A backbone of images of any number of channels takes `channels: int = 3` before `*`. One without it can only be used
    with images of three channels.

    A backbone may publish the layers of its parameters, which optimizers need for `layer_decay`; see `Layered`.
    """

    @property
    def features(self) -> list[Feature]:
        """Channels and stride of each map, finest first."""

    def __call__(self, images: Tensor, /) -> list[Tensor]:
        """(B, 3, H, W) float, normalized -> [(B, Ci, Hi, Wi)], finest first. H and W are multiples of every stride.

        There are `channels` instead of 3 where the backbone was built for so many.
        """


@runtime_checkable
class NormalizedBackbone(Backbone, Protocol):
    """A backbone that knows how the images were normalized that its initial weights were trained on.

    Models normalize their images so, unless their own settings say otherwise. Both properties are optional. Without
    them, models take ImageNet's mean and deviation.
    """

    @property
    def pixel_mean(self) -> tuple[float, ...]:
        """Mean of each channel: of red, green and blue, 0..255."""

    @property
    def pixel_std(self) -> tuple[float, ...]:
        """Standard deviation of each channel."""


@runtime_checkable
class PartlyFrozenBackbone(Backbone, Protocol):
    """A backbone that adds layers of its own, without initial weights, to an encoder that has some.

    `frozen: true` then freezes the encoder alone, and the other layers learn. Of other backbones it freezes all.
    """

    @property
    def frozen_part(self) -> nn.Module:
        """The encoder, a module inside the backbone. Called with a batch, it returns a list of maps with a row for each
        image."""


FROZEN = (
    "Keep the backbone as it is: its parameters do not learn, and it stays in eval mode, with the statistics of its "
    "batch norms and without dropout. A backbone may leave out layers of its own that are new (`PartlyFrozenBackbone`)."
)

BACKBONES: Registry[Backbone] = Registry(
    "backbone",
    "backbones",
    Backbone,
    injected=("channels",),
    common_settings={"frozen": OuterSetting(bool, False, FROZEN)},
    optional=(NormalizedBackbone, PartlyFrozenBackbone, Layered, Stepped),
    base="torch.nn.Module",
)
"""The registered backbones; `Backbone` is their contract."""
