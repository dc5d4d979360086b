"""MaskFormer: mask classification with queries (Cheng et al. 2021)."""

from collections.abc import Sequence

from torch import Tensor

from segkit.layers.normalization import IMAGENET_MEAN, IMAGENET_STD
from segkit.models._base import PyramidModel
from segkit.registries import MODELS, Backbone, PixelDecoder, TransformerDecoder
from segkit.registries.signature import PositiveFloat
from segkit.types import Prediction, Size


@MODELS.register("mask_former")
class MaskFormer(PyramidModel):
    """Each query names a class and draws one mask as the product of its embedding and the mask features (sec. 3.3)."""

    def __init__(
        self,
        backbone: Backbone,
        pixel_decoder: PixelDecoder,
        transformer_decoder: TransformerDecoder,
        *,
        pixel_mean: tuple[float, float, float] = IMAGENET_MEAN,
        pixel_std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = IMAGENET_STD,
    ) -> None:
        """
        Args:
            backbone, pixel_decoder, transformer_decoder: the built parts.
            pixel_mean, pixel_std: of red, green and blue, 0..255; those the backbone's weights were made with.
        """
        super().__init__(backbone, pixel_decoder, pixel_mean, pixel_std)
        self.transformer_decoder = transformer_decoder

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> Prediction:
        """(B,3,H,W) uint8 RGB, H and W multiples of `size_divisor` -> Prediction."""
        mask_features, memory = self.decode_pixels(images, sizes)
        return self.transformer_decoder(memory, mask_features)
