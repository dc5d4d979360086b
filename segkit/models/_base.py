"""What models share: their type, and normalization, backbone and pixel decoder of models over a feature pyramid."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from segkit.layers.normalization import PixelNormalization
from segkit.registries import Backbone, Model, PixelDecoder
from segkit.types import PixelPrediction, Prediction, Size


class SegmentationModel(nn.Module, Model):
    """The type of every built model: a torch.nn.Module that keeps the contract `segkit.registries.Model`.

    A model need not derive from it, but may.
    """

    if TYPE_CHECKING:  # nn.Module declares the result of a call as Any

        def __call__(self, images: Tensor, sizes: Sequence[Size] | None = None, /) -> Prediction | PixelPrediction: ...


class PyramidModel(SegmentationModel):
    """Normalization, backbone and pixel decoder. `size_divisor` is the coarsest stride of the backbone."""

    def __init__(
        self, backbone: Backbone, pixel_decoder: PixelDecoder, pixel_mean: Sequence[float], pixel_std: Sequence[float]
    ) -> None:
        super().__init__()
        self.normalization = PixelNormalization(pixel_mean, pixel_std)
        self.backbone = backbone
        self.pixel_decoder = pixel_decoder

    @property
    def size_divisor(self) -> int:
        return max(feature.stride for feature in self.backbone.features)

    def decode_pixels(self, images: Tensor, sizes: Sequence[Size] | None) -> tuple[Tensor, list[Tensor]]:
        """(B, 3, H, W) uint8 -> (mask_features (B, E, h, w), memory)."""
        features = self.backbone(self.normalization(images, sizes))
        return self.pixel_decoder(features)
