"""The pixel decoder `msdeform`."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from segkit.errors import ConfigError
from segkit.layers.convolution import conv_norm_relu, group_norm, initialize_convolutions
from segkit.layers.position_encoding import sine_position_encoding
from segkit.layers.transformer import FeedForward
from segkit.ops.cpu.linear import convolve_linear
from segkit.registries.signature import Fraction, Positive
from segkit.types import Feature
from segkit_mask2former.deformable_attention import DeformableAttention, reference_pixels

NUM_MAPS = 3
"""The coarsest maps of the backbone, whose pixels attend to each other."""


class MSDeform(nn.Module):
    """Pixel decoder of Mask2Former (Cheng et al. 2022, sec. 3.2.2; Zhu et al. 2021).

    The pixels of the three coarsest maps attend to each other by deformable attention; these maps are `memory`. The
    finer maps of the backbone are added as in a feature pyramid, and the finest gives the mask features.

    Args:
        features: The backbone's feature maps, finest first.
        hidden_dim: Width of all maps; a multiple of 4 and of `num_heads`, best of 32.
        mask_dim: Width of the mask features.
        num_layers: Number of layers of deformable attention.
        num_heads: Attention heads of each layer.
        num_points: Places per head and map that each pixel attends to.
        feedforward_dim: Inner width of the feed-forward blocks.
        dropout: Probability in the layers.

    Raises:
        ConfigError: `hidden_dim` is not a multiple of 4 and of `num_heads`.

    Example:
        >>> features = [Feature(8, 4), Feature(16, 8), Feature(24, 16), Feature(32, 32)]
        >>> decoder = MSDeform(features, hidden_dim=32, mask_dim=16, num_layers=1, feedforward_dim=64)
        >>> maps = [torch.zeros(1, one.channels, 64 // one.stride, 96 // one.stride) for one in features]
        >>> mask_features, memory = decoder(maps)
        >>> mask_features.shape, [tuple(one.shape) for one in memory]
        (torch.Size([1, 16, 16, 24]), [(1, 32, 8, 12), (1, 32, 4, 6), (1, 32, 2, 3)])
    """

    def __init__(
        self,
        features: list[Feature],
        *,
        hidden_dim: Positive = 256,
        mask_dim: Positive = 256,
        num_layers: Positive = 6,
        num_heads: Positive = 8,
        num_points: Positive = 4,
        feedforward_dim: Positive = 1024,
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__()
        if hidden_dim % 4 or hidden_dim % num_heads:
            raise ConfigError(
                f"pixel_decoder 'msdeform': hidden_dim: must be a multiple of 4 and of num_heads, which is {num_heads};"
                f" {hidden_dim} is not."
            )
        self.mask_dim = mask_dim
        self.memory = [Feature(hidden_dim, feature.stride) for feature in features[-NUM_MAPS:]]
        # From here on maps are ordered from the coarsest to the finest, as in published weights.
        self.input_projections = nn.ModuleList(
            nn.Sequential(nn.Conv2d(feature.channels, hidden_dim, kernel_size=1), group_norm(hidden_dim))
            for feature in reversed(features[-NUM_MAPS:])
        )
        self.map_embeddings = nn.Parameter(torch.randn(len(self.memory), hidden_dim))
        self.layers = nn.ModuleList(
            DeformableLayer(hidden_dim, num_heads, len(self.memory), num_points, feedforward_dim, dropout)
            for _ in range(num_layers)
        )
        finer = list(reversed(features[:-NUM_MAPS]))
        self.laterals = nn.ModuleList(
            conv_norm_relu(feature.channels, hidden_dim, kernel_size=1, relu=False) for feature in finer
        )
        self.outputs = nn.ModuleList(conv_norm_relu(hidden_dim, hidden_dim, kernel_size=3) for _ in finer)
        self.mask_features = nn.Conv2d(hidden_dim, mask_dim, kernel_size=1)
        initialize_convolutions(self)
        for layer in self.input_projections.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
        convolve_linear(self)

    def forward(self, features: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Computes the mask features from feature maps [(B,Ci,Hi,Wi)], finest first.

        Returns:
            Mask features (B,E,h,w), and the memory [(B,C,Hi,Wi)] of the three coarsest strides, finest first.
        """
        coarse = reversed(features[-NUM_MAPS:])
        maps = [projection(one) for projection, one in zip(self.input_projections, coarse, strict=True)]
        encoded = self._encode(maps)
        top = encoded[-1]
        for feature, lateral, output in zip(reversed(features[:-NUM_MAPS]), self.laterals, self.outputs, strict=True):
            own = lateral(feature)
            top = output(own + interpolate(top, size=own.shape[-2:], mode="bilinear", align_corners=False))
        return self.mask_features(top), encoded[::-1]

    def _encode(self, maps: list[Tensor]) -> list[Tensor]:
        """Lets all pixels of the maps [(B,C,Hi,Wi)] attend to each other."""
        sizes = [(one.shape[-2], one.shape[-1]) for one in maps]
        device, channels = maps[0].device, maps[0].shape[1]
        positions = torch.cat(
            [
                sine_position_encoding(height, width, channels, device) + embedding
                for (height, width), embedding in zip(sizes, self.map_embeddings, strict=True)
            ]
        )  # (S, C)
        reference = reference_pixels(sizes, device)
        tokens = torch.cat([one.flatten(2) for one in maps], dim=2).transpose(1, 2)  # (B, S, C)
        for layer in self.layers:
            tokens = layer(tokens, positions, reference, sizes)
        parts = torch.split(tokens.transpose(1, 2), [height * width for height, width in sizes], dim=2)
        return [part.reshape(*part.shape[:2], *size) for part, size in zip(parts, sizes, strict=True)]


class DeformableLayer(nn.Module):
    """Deformable attention and feed-forward, each as a residual branch with a layer norm behind it."""

    def __init__(
        self, hidden_dim: int, num_heads: int, num_maps: int, num_points: int, feedforward_dim: int, dropout: float
    ) -> None:
        super().__init__()
        self.attention = DeformableAttention(hidden_dim, num_heads, num_maps, num_points)
        self.dropout = nn.Dropout(dropout)
        self.attention_norm = nn.LayerNorm(hidden_dim)
        self.feed_forward = FeedForward(hidden_dim, feedforward_dim, dropout)
        self.feed_forward_norm = nn.LayerNorm(hidden_dim)

    def forward(self, tokens: Tensor, positions: Tensor, reference: Tensor, sizes: list[tuple[int, int]]) -> Tensor:
        """tokens (B,S,C), positions (S,C), reference (S,L,2) -> (B,S,C)."""
        attended = self.attention(tokens + positions, tokens, reference, sizes)
        tokens = self.attention_norm(tokens + self.dropout(attended))
        normed: Tensor = self.feed_forward_norm(tokens + self.feed_forward(tokens))
        return normed
