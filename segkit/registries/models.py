"""Models: images to a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from segkit.registries.backbones import BACKBONES
from segkit.registries.layered import Layered
from segkit.registries.pixel_decoders import PIXEL_DECODERS
from segkit.registries.pixel_formatted import PixelFormatted
from segkit.registries.registry import Registry
from segkit.registries.stepped import Stepped
from segkit.registries.transformer_decoders import TRANSFORMER_DECODERS

if TYPE_CHECKING:
    from torch import Tensor

    from segkit.types import PixelPrediction, Prediction, Size


class Model(Protocol):
    """Predicts from raw images. It normalizes pixels itself and holds their mean and deviation as buffers.

    Parameters before `*` that are named like a kind (`backbone`) take built parts, which YAML configures inside the
    model.

    A `forward` that names `targets: list[Target] | None = None` gets the targets in training, and None elsewhere.

    Learning rates of the backbone concern what lies in the attribute `backbone`. A model without it publishes which of
    its parameters these are; see `Layered`.
    """

    @property
    def size_divisor(self) -> int:
        """The height and width of a padded batch must be multiples of it."""

    def __call__(self, images: Tensor, sizes: Sequence[Size] | None = None, /) -> Prediction | PixelPrediction:
        """(B, 3, H, W) uint8 RGB -> prediction. Pixels beyond an image's (height, width) in `sizes` are padding.

        A model that publishes another `pixel_format` takes images of that.
        """


@runtime_checkable
class TypedModel(Protocol):
    """A class of models that names what it predicts. Settings that do not suit it are refused before it is built."""

    @property
    def prediction_type(self) -> type:
        """Prediction or PixelPrediction, an attribute of the class."""


@runtime_checkable
class NormalizedModel(Protocol):
    """A model that publishes how it normalizes images. Saved configs name the values, if its settings have them.

    Both properties are optional.
    """

    @property
    def pixel_mean(self) -> tuple[float, ...]:
        """Mean of each channel: of red, green and blue, 0..255."""

    @property
    def pixel_std(self) -> tuple[float, ...]:
        """Standard deviation of each channel."""


MODELS: Registry[Model] = Registry(
    "model",
    "models",
    Model,
    injected=("num_classes",),
    nests=(BACKBONES, PIXEL_DECODERS, TRANSFORMER_DECODERS),
    optional=(TypedModel, NormalizedModel, PixelFormatted, Layered, Stepped),
    base="torch.nn.Module",
)
"""The registered models; `Model` is their contract."""
