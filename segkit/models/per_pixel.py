"""Per-pixel classification: the baselines that MaskFormer is compared with (Cheng et al. 2021, sec. 4.1)."""

from collections.abc import Sequence

from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.layers.normalization import IMAGENET_MEAN, IMAGENET_STD
from segkit.models._base import PyramidModel
from segkit.registries import MODELS, Backbone, PixelDecoder, TransformerDecoder
from segkit.registries.signature import PositiveFloat
from segkit.types import PixelPrediction, Size


@MODELS.register("per_pixel")
class PerPixel(PyramidModel):
    """Every pixel gets a score per class.

    Without a transformer decoder a 1x1 convolution scores the mask features (PerPixelBaseline). With one, of exactly
    one query per class and no class head, query k's mask is the score of class k (PerPixelBaseline+).
    """

    def __init__(
        self,
        backbone: Backbone,
        pixel_decoder: PixelDecoder,
        num_classes: int,
        transformer_decoder: TransformerDecoder | None = None,
        *,
        pixel_mean: tuple[float, float, float] = IMAGENET_MEAN,
        pixel_std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = IMAGENET_STD,
    ) -> None:
        """
        Args:
            backbone, pixel_decoder, transformer_decoder: the built parts.
            num_classes: of the data set.
            pixel_mean, pixel_std: of red, green and blue, 0..255; those the backbone's weights were made with.
        """
        super().__init__(backbone, pixel_decoder, pixel_mean, pixel_std)
        self.num_classes = num_classes
        self.transformer_decoder = transformer_decoder
        if transformer_decoder is None:
            self.classifier = nn.Conv2d(pixel_decoder.mask_dim, num_classes, kernel_size=1)
            nn.init.kaiming_uniform_(self.classifier.weight, a=1)
            nn.init.zeros_(self.classifier.bias)  # type: ignore[arg-type]

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> PixelPrediction:
        """(B,3,H,W) uint8 RGB, H and W multiples of `size_divisor` -> PixelPrediction.

        Raises ConfigError where the transformer decoder has not one query per class.
        """
        mask_features, memory = self.decode_pixels(images, sizes)
        if self.transformer_decoder is None:
            return PixelPrediction(self.classifier(mask_features))
        prediction = self.transformer_decoder(memory, mask_features)
        if prediction.num_queries != self.num_classes:
            raise ConfigError(
                f"model.transformer_decoder.num_queries: model 'per_pixel' needs one query per class, "
                f"{self.num_classes} for this data set, not {prediction.num_queries}."
            )
        *auxiliary, last = [PixelPrediction(layer.mask_logits) for layer in prediction.layers]
        return PixelPrediction(last.pixel_logits, auxiliary)
