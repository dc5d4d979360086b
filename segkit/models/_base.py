"""What models over a feature pyramid share: normalization, backbone, pixel decoder."""

from collections.abc import Sequence

from torch import Tensor, nn

from segkit.layers.normalization import PixelNormalization
from segkit.types import Size


class PyramidModel(nn.Module):
    """Backbone and pixel decoder; publishes `size_divisor`, the coarsest stride."""

    def __init__(
        self, backbone: nn.Module, pixel_decoder: nn.Module, pixel_mean: Sequence[float], pixel_std: Sequence[float]
    ) -> None:
        super().__init__()
        self.normalization = PixelNormalization(pixel_mean, pixel_std)
        self.backbone = backbone
        self.pixel_decoder = pixel_decoder
        self.size_divisor: int = max(feature.stride for feature in backbone.features)  # type: ignore[union-attr]

    def decode_pixels(self, images: Tensor, sizes: Sequence[Size] | None) -> tuple[Tensor, list[Tensor]]:
        """(B,3,H,W) uint8 -> (mask_features (B,E,h,w), memory)."""
        features = self.backbone(self.normalization(images, sizes))
        mask_features, memory = self.pixel_decoder(features)
        return mask_features, memory
