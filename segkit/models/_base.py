"""The type of all models, and the base of those that decode a feature pyramid."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from segkit.errors import RegistryError, with_article
from segkit.layers.normalization import PixelNormalization, pixel_statistics
from segkit.registries import Backbone, Model, NormalizedBackbone, PixelDecoder, TransformerDecoder
from segkit.registries.signature import input_type_has, named_inputs
from segkit.types import DeferredFeatures, PixelFormat, PixelPrediction, PixelType, Prediction, Size, Target


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
        transformer_decoder: The built transformer decoder, or None.
        pixel_mean: Mean of each channel, in the units of the pixels. None is the backbone's, or else ImageNet's.
        pixel_std: Standard deviation of each channel. None likewise.
        pixel_type: Of the images.
        size_divisor: What the height and width of images are padded to a multiple of. None is the coarsest stride: then
            every map has a whole number of cells.
    """

    def __init__(
        self,
        backbone: Backbone,
        pixel_decoder: PixelDecoder,
        transformer_decoder: TransformerDecoder | None,
        pixel_mean: Sequence[float] | None = None,
        pixel_std: Sequence[float] | None = None,
        pixel_type: PixelType = "uint8",
        size_divisor: int | None = None,
    ) -> None:
        super().__init__()
        published = (backbone.pixel_mean, backbone.pixel_std) if isinstance(backbone, NormalizedBackbone) else None
        self.pixel_mean, self.pixel_std = pixel_statistics(pixel_mean, pixel_std, published, pixel_type)
        self.normalization = PixelNormalization(self.pixel_mean, self.pixel_std, pixel_type)
        self.backbone = backbone
        self.pixel_decoder = pixel_decoder
        self.transformer_decoder = transformer_decoder
        # Read here, since a compiler cannot read signatures.
        self._pixel_decoder_inputs = named_inputs(pixel_decoder)
        self._transformer_decoder_inputs = named_inputs(transformer_decoder)
        self._accepts_deferred = input_type_has(transformer_decoder, "mask_features", DeferredFeatures)
        self._size_divisor = size_divisor

    @property
    def pixel_format(self) -> PixelFormat:
        """The channels and type of the images."""
        return self.normalization.format

    @property
    def size_divisor(self) -> int:
        """What the height and width of images are padded to a multiple of."""
        return self._size_divisor or max(feature.stride for feature in self.backbone.features)

    def may_defer(self, images: Tensor) -> bool:
        """Returns whether the masks of `images` may be computed from deferred mask features.

        So they are in training, with gradients, and in evaluation, without. Nothing that is traced defers, whether by a
        compiler or by tensors without values. On GPUs it is not measured.
        """
        if self.training != torch.is_grad_enabled() or torch.compiler.is_compiling():
            return False
        return self._accepts_deferred and type(images) is Tensor and images.device.type == "cpu"

    def decode_pixels(
        self, images: Tensor, sizes: Sequence[Size] | None, deferred: bool = False
    ) -> tuple[Tensor | DeferredFeatures, list[Tensor]]:
        """Computes mask features (B,E,h,w), or `deferred` ones, and memory [(B,Ci,Hi,Wi)] from images (B,C,H,W)."""
        features = self.backbone(self.normalization(images, sizes))
        backbone_channels = [feature.channels for feature in self.backbone.features]
        _require(self.backbone, "backbone", "features", features, backbone_channels)
        returned = self.pixel_decoder(features, **_chosen(self._pixel_decoder_inputs, sizes=sizes, deferred=deferred))
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise RegistryError(
                f"pixel decoder {type(self.pixel_decoder).__name__} returns "
                f"{with_article(type(returned).__name__)}, not a pair: (mask features, [memory maps]). "
                "Check it with segkit.testing.check_pixel_decoder."
            )
        mask_features, memory = returned
        _require(self.pixel_decoder, "pixel_decoder", "mask_dim", [mask_features], [self.pixel_decoder.mask_dim])
        memory_channels = [feature.channels for feature in self.pixel_decoder.memory]
        _require(self.pixel_decoder, "pixel_decoder", "memory", memory, memory_channels)
        return mask_features, memory

    def decode_queries(
        self,
        memory: list[Tensor],
        mask_features: Tensor | DeferredFeatures,
        sizes: Sequence[Size] | None,
        targets: list[Target] | None = None,
    ) -> Prediction:
        """Calls the transformer decoder, with the sizes and targets where its `forward` names them."""
        assert self.transformer_decoder is not None, "a model without a transformer decoder has no queries"
        inputs = _chosen(self._transformer_decoder_inputs, sizes=sizes, targets=targets)
        decoder: Any = self.transformer_decoder  # its contract asks for tensors: it may take deferred features besides
        prediction: Prediction = decoder(memory, mask_features, **inputs)
        return prediction


def _chosen(names: frozenset[str], **inputs: Any) -> dict[str, Any]:
    """Returns those of `inputs` that `names` has."""
    return {name: value for name, value in inputs.items() if name in names}


def _require(
    part: object, kind: str, name: str, maps: Sequence[Tensor | DeferredFeatures], channels: list[int]
) -> None:
    """Checks the number and channels of maps (B,C,H,W) against what the part publishes as `name`.

    Otherwise a later part fails with an error that does not name the cause.
    """
    are_maps = [isinstance(one, Tensor | DeferredFeatures) and len(one.shape) == 4 for one in maps]
    found = [one.shape[1] if is_map else None for one, is_map in zip(maps, are_maps, strict=True)]
    if found != channels:
        raise RegistryError(
            f"{kind.replace('_', ' ')} {type(part).__name__} publishes {name} with maps of {channels} channels, but "
            f"returns maps of {found}. Return what it publishes; check it with segkit.testing.check_{kind}."
        )
