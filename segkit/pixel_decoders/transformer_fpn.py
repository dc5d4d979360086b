"""The pixel decoder `transformer_fpn`."""

from torch import Tensor, nn

from segkit.layers.convolution import initialize_convolutions
from segkit.layers.position_encoding import sine_position_encoding
from segkit.layers.transformer import EncoderLayer, check_hidden_dim
from segkit.pixel_decoders.fpn import FPN
from segkit.registries import PIXEL_DECODERS
from segkit.registries.signature import Fraction, Positive
from segkit.types import DeferredFeatures, Feature


@PIXEL_DECODERS.register("transformer_fpn")
class TransformerFPN(nn.Module):
    """Transformer encoder and feature pyramid of MaskFormer's panoptic models (Cheng et al. 2021).

    Encoder layers let all pixels of the coarsest map attend to each other before the pyramid. `memory` is the encoded
    map.

    Args:
        features: The backbone's feature maps, finest first.
        hidden_dim: Width of the encoder and the pyramid; a multiple of 4 and of `num_heads`.
        mask_dim: Width of the mask features.
        num_layers: Number of encoder layers.
        num_heads: Attention heads of each layer.
        feedforward_dim: Inner width of the feed-forward blocks.
        dropout: Probability in the encoder.
        pre_norm: Normalize before each block instead of after it.

    Raises:
        ConfigError: `hidden_dim` is not a multiple of 4 and of `num_heads`.

    Example:
        >>> import torch
        >>> features = [Feature(8, 4), Feature(16, 8)]
        >>> decoder = TransformerFPN(features, hidden_dim=32, mask_dim=16, num_layers=1, feedforward_dim=64)
        >>> mask_features, memory = decoder([torch.zeros(1, 8, 16, 24), torch.zeros(1, 16, 8, 12)])
        >>> mask_features.shape, memory[0].shape
        (torch.Size([1, 16, 16, 24]), torch.Size([1, 32, 8, 12]))
    """

    def __init__(
        self,
        features: list[Feature],
        *,
        hidden_dim: Positive = 256,
        mask_dim: Positive = 256,
        num_layers: Positive = 6,
        num_heads: Positive = 8,
        feedforward_dim: Positive = 2048,
        dropout: Fraction = 0.1,
        pre_norm: bool = False,
    ) -> None:
        super().__init__()
        check_hidden_dim("pixel_decoder 'transformer_fpn'", hidden_dim, num_heads)
        self.mask_dim = mask_dim
        coarsest = Feature(hidden_dim, features[-1].stride)
        self.memory = [coarsest]
        self.fpn = FPN([*features[:-1], coarsest], hidden_dim=hidden_dim, mask_dim=mask_dim)
        self.input_projection = nn.Conv2d(features[-1].channels, hidden_dim, kernel_size=1)
        initialize_convolutions(self.input_projection)
        self.layers = nn.ModuleList(
            EncoderLayer(hidden_dim, num_heads, feedforward_dim, dropout, pre_norm) for _ in range(num_layers)
        )
        # With pre-norm the residual stream leaves the last layer unnormalized; with post-norm it does not.
        self.norm = nn.LayerNorm(hidden_dim) if pre_norm else nn.Identity()

    def forward(
        self, features: list[Tensor], *, deferred: bool = False
    ) -> tuple[Tensor | DeferredFeatures, list[Tensor]]:
        """Computes the mask features from feature maps [(B,Ci,Hi,Wi)], finest first.

        Args:
            features: Of the backbone.
            deferred: Leave the last convolution to those who read the masks.

        Returns:
            Mask features (B,E,h,w), and the memory [(B,C,Hn,Wn)], the encoded coarsest map.
        """
        coarsest = self.input_projection(features[-1])
        height, width = coarsest.shape[-2:]
        position = sine_position_encoding(height, width, coarsest.shape[1], coarsest.device)
        tokens = coarsest.flatten(2).transpose(1, 2)  # (B, S, C) with S = Hn * Wn
        for layer in self.layers:
            tokens = layer(tokens, position)
        encoded = self.norm(tokens).transpose(1, 2).unflatten(2, (height, width))  # (B, C, Hn, Wn)
        finest = self.fpn.pyramid([*features[:-1], encoded], encoded)
        return self.fpn.features_of(finest, deferred), [encoded]
