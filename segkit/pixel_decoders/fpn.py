"""The feature pyramid pixel decoder of MaskFormer (Cheng et al. 2021, sec. 3.3 and appendix)."""

from torch import Tensor, nn
from torch.nn.functional import interpolate

from segkit.layers.convolution import conv_norm_relu, initialize_convolutions
from segkit.layers.recording import publish
from segkit.registries import PIXEL_DECODERS
from segkit.registries.signature import Positive
from segkit.types import Feature


@PIXEL_DECODERS.register("fpn")
class FPN(nn.Module):
    """Top-down pyramid: from the coarsest map on, upsample by nearest neighbour, add the lateral map, convolve.

    `memory` is the backbone's coarsest map as it came.
    """

    def __init__(self, features: list[Feature], *, hidden_dim: Positive = 256, mask_dim: Positive = 256) -> None:
        """
        Args:
            features: what the backbone publishes, finest first.
            hidden_dim: width of the pyramid; a multiple of the 32 groups of its group norms where possible.
            mask_dim: width of the mask features.
        """
        super().__init__()
        self.mask_dim = mask_dim
        self.memory = [features[-1]]
        self.laterals = nn.ModuleList(
            conv_norm_relu(feature.channels, hidden_dim, kernel_size=1, relu=False) for feature in features[:-1]
        )
        self.outputs = nn.ModuleList(
            publish(conv_norm_relu(channels, hidden_dim, kernel_size=3), "pyramid")
            for channels in [hidden_dim] * len(self.laterals) + [features[-1].channels]
        )
        self.mask_features = nn.Conv2d(hidden_dim, mask_dim, kernel_size=3, padding=1)
        initialize_convolutions(self)

    def forward(self, features: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """[(B,Ci,Hi,Wi)] finest first -> (mask_features (B,E,h,w), [memory])."""
        return self.mask_features(self.pyramid(features, features[-1])), [features[-1]]

    def pyramid(self, features: list[Tensor], coarsest: Tensor) -> Tensor:
        """(B, hidden_dim, h, w): the finest level, `coarsest` standing for the coarsest feature map."""
        top = self.outputs[-1](coarsest)
        for feature, lateral, output in reversed(list(zip(features, self.laterals, self.outputs, strict=False))):
            own = lateral(feature)
            top = output(own + interpolate(top, size=own.shape[-2:], mode="nearest"))
        return top  # type: ignore[no-any-return]
