"""The type of all models, and the base of those that decode a feature pyramid."""

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
    """Normalization, backbone and pixel decoder; a subclass adds the head.

    Args:
        backbone: The built backbone.
        pixel_decoder: The built pixel decoder.
        pixel_mean: Mean of red, green and blue, 0..255.
        pixel_std: Standard deviation of red, green and blue, 0..255.
    """

    def __init__(
        self, backbone: Backbone, pixel_decoder: PixelDecoder, pixel_mean: Sequence[float], pixel_std: Sequence[float]
    ) -> None:
        super().__init__()
        self.normalization = PixelNormalization(pixel_mean, pixel_std)
        self.backbone = backbone
        self.pixel_decoder = pixel_decoder

    @property
    def size_divisor(self) -> int:
        """The coarsest stride: with height and width a multiple of it, every map has a whole number of cells."""
        return max(feature.stride for feature in self.backbone.features)

    def decode_pixels(self, images: Tensor, sizes: Sequence[Size] | None) -> tuple[Tensor, list[Tensor]]:
        """Computes mask features (B,E,h,w) and memory [(B,Ci,Hi,Wi)] from images (B,3,H,W) uint8 RGB."""
        features = self.backbone(self.normalization(images, sizes))
        return self.pixel_decoder(features)
