"""The model `per_pixel`."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.layers.convolution import initialize_convolutions
from segkit.models._base import PyramidModel
from segkit.registries import MODELS, Backbone, PixelDecoder, TransformerDecoder
from segkit.registries.signature import Positive, PositiveFloat
from segkit.types import PixelPrediction, PixelType, Size


@MODELS.register("per_pixel")
class PerPixel(PyramidModel):
    """Per-pixel classification, the baseline of MaskFormer (Cheng et al. 2021, sec. 4.1).

    Without a transformer decoder, a 1x1 convolution classifies the mask features (PerPixelBaseline). With one, which
    needs one query per class and no class head, the mask logits of query k are the logits of class k
    (PerPixelBaseline+).

    Args:
        backbone: The built backbone.
        pixel_decoder: The built pixel decoder.
        num_classes: Number of classes of the dataset.
        transformer_decoder: The built transformer decoder, or None.
        pixel_mean: Mean of each channel in the units of the pixels: of red, green and blue, 0..255. By default the one
            that the backbone's weights were trained with, or ImageNet's if it does not know. As many numbers as there
            are here, as many channels have the images.
        pixel_std: Standard deviation of each channel. By default likewise.
        pixel_type: Type of the pixels of the images.
        size_divisor: Images are padded until their height and width are multiples of it. By default it is the coarsest
            stride; 1 does not pad.

    Example:
        >>> import torch
        >>> from segkit.backbones.timm import TimmBackbone
        >>> from segkit.pixel_decoders.fpn import FPN
        >>> backbone = TimmBackbone(name="resnet18")
        >>> model = PerPixel(backbone, FPN(backbone.features), num_classes=3)
        >>> model(torch.zeros(1, 3, 64, 96, dtype=torch.uint8)).pixel_logits.shape
        torch.Size([1, 3, 16, 24])
    """

    prediction_type: ClassVar[type] = PixelPrediction

    def __init__(
        self,
        backbone: Backbone,
        pixel_decoder: PixelDecoder,
        num_classes: int,
        transformer_decoder: TransformerDecoder | None = None,
        *,
        pixel_mean: list[float] | None = None,
        pixel_std: list[PositiveFloat] | None = None,
        pixel_type: PixelType = "uint8",
        size_divisor: Positive | None = None,
    ) -> None:
        statistics = pixel_mean, pixel_std, pixel_type
        super().__init__(backbone, pixel_decoder, transformer_decoder, *statistics, size_divisor)
        self.num_classes = num_classes
        if transformer_decoder is None:
            self.classifier = nn.Conv2d(pixel_decoder.mask_dim, num_classes, kernel_size=1)
            initialize_convolutions(self.classifier)

    def forward(self, images: Tensor, sizes: Sequence[Size] | None = None) -> PixelPrediction:
        """Predicts from images (B,C,H,W) of its `pixel_format`, whose H and W are multiples of `size_divisor`.

        Raises ConfigError unless the transformer decoder has one query per class.
        """
        mask_features, memory = self.decode_pixels(images, sizes)
        if self.transformer_decoder is None:
            return PixelPrediction(self.classifier(mask_features))
        prediction = self.decode_queries(memory, mask_features, sizes)
        # Checked here, not in __init__: only its prediction tells how many queries a decoder has.
        if prediction.num_queries != self.num_classes:
            raise ConfigError(
                f"model.transformer_decoder.num_queries: model 'per_pixel' needs one query per class, "
                f"{self.num_classes} for this dataset, not {prediction.num_queries}. Set it to 'classes'."
            )
        # The classes of the queries are not used: query k stands for class k.
        *auxiliary, last = [PixelPrediction(layer.mask_logits) for layer in prediction.layers]
        return PixelPrediction(last.pixel_logits, auxiliary)
