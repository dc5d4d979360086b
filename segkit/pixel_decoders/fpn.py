"""The pixel decoder `fpn`."""

from torch import Tensor, nn
from torch.nn.functional import interpolate

from segkit.layers.convolution import conv_norm_relu, initialize_convolutions
from segkit.layers.recording import publish
from segkit.registries import PIXEL_DECODERS
from segkit.registries.signature import Positive
from segkit.types import DeferredFeatures, Feature


@PIXEL_DECODERS.register("fpn")
class FPN(nn.Module):
    """Feature pyramid of MaskFormer (Cheng et al. 2021, sec. 3.3, 4.1; Lin et al. 2017).

    From the coarsest map to the finest: upsample, add the lateral map, convolve. `memory` is the coarsest map of the
    backbone, unchanged.

    Args:
        features: The backbone's feature maps, finest first.
        hidden_dim: Width of the pyramid; best a multiple of 32, the number of groups of its group norms.
        mask_dim: Width of the mask features.

    Example:
        >>> import torch
        >>> decoder = FPN([Feature(8, 4), Feature(16, 8)], hidden_dim=32, mask_dim=16)
        >>> mask_features, memory = decoder([torch.zeros(1, 8, 16, 24), torch.zeros(1, 16, 8, 12)])
        >>> mask_features.shape, memory[0].shape
        (torch.Size([1, 16, 16, 24]), torch.Size([1, 16, 8, 12]))
    """

    def __init__(self, features: list[Feature], *, hidden_dim: Positive = 256, mask_dim: Positive = 256) -> None:
        super().__init__()
        self.mask_dim = mask_dim
        self.memory = [features[-1]]
        # The coarsest map needs no lateral projection: its 3x3 convolution in `outputs` already sets the width.
        self.laterals = nn.ModuleList(
            conv_norm_relu(feature.channels, hidden_dim, kernel_size=1, relu=False) for feature in features[:-1]
        )
        self.outputs = nn.ModuleList(
            publish(conv_norm_relu(channels, hidden_dim, kernel_size=3), "pyramid")
            for channels in [hidden_dim] * len(self.laterals) + [features[-1].channels]
        )
        self.mask_features = nn.Conv2d(hidden_dim, mask_dim, kernel_size=3, padding=1)
        initialize_convolutions(self)

    def forward(
        self, features: list[Tensor], *, deferred: bool = False
    ) -> tuple[Tensor | DeferredFeatures, list[Tensor]]:
        """Computes the mask features from feature maps [(B,Ci,Hi,Wi)], finest first.

        Args:
            features: Of the backbone.
            deferred: Leave the last convolution to those who read the masks.

        Returns:
            Mask features (B,E,h,w), and the memory [(B,Cn,Hn,Wn)], the coarsest map.
        """
        return self.features_of(self.pyramid(features, features[-1]), deferred), [features[-1]]

    def features_of(self, finest: Tensor, deferred: bool) -> Tensor | DeferredFeatures:
        """Computes mask features (B,E,h,w) from the finest level (B, hidden_dim, h, w), or defers that."""
        if deferred and type(self.mask_features) is nn.Conv2d:  # what replaces it may do more than its weight tells
            return DeferredFeatures(finest, self.mask_features)
        mask_features: Tensor = self.mask_features(finest)
        return mask_features

    def pyramid(self, features: list[Tensor], coarsest: Tensor) -> Tensor:
        """Computes the finest level (B, hidden_dim, h, w) of the pyramid.

        Args:
            features: Feature maps, finest first; the last one is not used.
            coarsest: The map at the top of the pyramid, such as the last feature map or an encoding of it.
        """
        top: Tensor = self.outputs[-1](coarsest)
        for feature, lateral, output in reversed(list(zip(features, self.laterals, self.outputs, strict=False))):
            own = lateral(feature)
            # Nearest neighbor, as in the original: bilinear would change what published weights compute.
            top = output(own + interpolate(top, size=own.shape[-2:], mode="nearest"))
        return top
