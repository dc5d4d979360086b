"""The model `mask_former`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from segkit.models._base import PyramidModel
from segkit.registries import MODELS, Backbone, PixelDecoder, TransformerDecoder
from segkit.registries.signature import Positive, PositiveFloat
from segkit.types import PixelType, Prediction, Size, Target


@MODELS.register("mask_former")
class MaskFormer(PyramidModel):
    """MaskFormer (Cheng et al. 2021, sec. 3.3): each query predicts a class and a mask.

    A mask is the product of the query's embedding and the mask features.

    Args:
        backbone: The built backbone.
        pixel_decoder: The built pixel decoder.
        transformer_decoder: The built transformer decoder.
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
        >>> from segkit.transformer_decoders.standard import StandardDecoder
        >>> backbone = TimmBackbone(name="resnet18")
        >>> pixel_decoder = FPN(backbone.features)
        >>> decoder = StandardDecoder(pixel_decoder.memory, pixel_decoder.mask_dim, num_classes=3, num_layers=1)
        >>> model = MaskFormer(backbone, pixel_decoder, decoder)
        >>> model(torch.zeros(1, 3, 64, 96, dtype=torch.uint8)).mask_logits.shape
        torch.Size([1, 100, 16, 24])
    """

    prediction_type: ClassVar[type] = Prediction

    def __init__(
        self,
        backbone: Backbone,
        pixel_decoder: PixelDecoder,
        transformer_decoder: TransformerDecoder,
        *,
        pixel_mean: list[float] | None = None,
        pixel_std: list[PositiveFloat] | None = None,
        pixel_type: PixelType = "uint8",
        size_divisor: Positive | None = None,
    ) -> None:
        statistics = pixel_mean, pixel_std, pixel_type
        super().__init__(backbone, pixel_decoder, transformer_decoder, *statistics, size_divisor)

    if TYPE_CHECKING:

        def __call__(
            self, images: Tensor, sizes: Sequence[Size] | None = None, /, targets: list[Target] | None = None
        ) -> Prediction: ...

    def forward(
        self, images: Tensor, sizes: Sequence[Size] | None = None, targets: list[Target] | None = None
    ) -> Prediction:
        """Predicts from images (B,C,H,W) of its `pixel_format`, whose H and W are multiples of `size_divisor`.

        Args:
            images: (B,C,H,W) of its `pixel_format`, uint8 RGB by default.
            sizes: The unpadded size of each image; None = no padding.
            targets: Of the images, in training, for a transformer decoder that takes them.
        """
        mask_features, memory = self.decode_pixels(images, sizes, deferred=self.may_defer(images))
        return self.decode_queries(memory, mask_features, sizes, targets)
