"""The pixel decoder of the paper's panoptic models: a transformer encoder on the coarsest map, then the pyramid."""

from torch import Tensor, nn

from segkit.layers.position_encoding import sine_position_encoding
from segkit.layers.transformer import EncoderLayer, check_width
from segkit.pixel_decoders.fpn import FPN
from segkit.registries import PIXEL_DECODERS
from segkit.registries.signature import Fraction, Positive
from segkit.types import Feature


@PIXEL_DECODERS.register("transformer_fpn")
class TransformerFPN(nn.Module):
    """Encoder layers let the coarsest map's pixels see each other before the pyramid (Cheng et al. 2021, sec. 4.1).

    `memory` is the encoded map.
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
        """
        Args:
            features: what the backbone publishes, finest first.
            hidden_dim: width of the encoder and the pyramid; a multiple of 4 and of `num_heads`.
            mask_dim: width of the mask features.
            num_layers: encoder layers.
            num_heads: attention heads of each.
            feedforward_dim: inner width of their feed-forward blocks.
            dropout: probability, in the encoder.
            pre_norm: normalize before each block instead of after it.

        Raises ConfigError for a `hidden_dim` that is no such multiple.
        """
        super().__init__()
        check_width("pixel_decoder 'transformer_fpn'", hidden_dim, num_heads)
        self.mask_dim = mask_dim
        coarsest = Feature(hidden_dim, features[-1].stride)
        self.memory = [coarsest]
        self.fpn = FPN([*features[:-1], coarsest], hidden_dim=hidden_dim, mask_dim=mask_dim)
        self.input_projection = nn.Conv2d(features[-1].channels, hidden_dim, kernel_size=1)
        nn.init.kaiming_uniform_(self.input_projection.weight, a=1)
        nn.init.zeros_(self.input_projection.bias)  # type: ignore[arg-type]
        self.layers = nn.ModuleList(
            EncoderLayer(hidden_dim, num_heads, feedforward_dim, dropout, pre_norm) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_dim) if pre_norm else nn.Identity()

    def forward(self, features: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """[(B,Ci,Hi,Wi)] finest first -> (mask_features (B,E,h,w), [memory (B,C,Hn,Wn)])."""
        coarsest = self.input_projection(features[-1])
        height, width = coarsest.shape[-2:]
        position = sine_position_encoding(height, width, coarsest.shape[1], coarsest.device)
        tokens = coarsest.flatten(2).transpose(1, 2)  # (B, HnWn, C)
        for layer in self.layers:
            tokens = layer(tokens, position)
        encoded = self.norm(tokens).transpose(1, 2).unflatten(2, (height, width))
        return self.fpn.mask_features(self.fpn.pyramid([*features[:-1], encoded], encoded)), [encoded]
