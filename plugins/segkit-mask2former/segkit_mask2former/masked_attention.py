"""The transformer decoder `masked_attention`."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention

from segkit.errors import ConfigError
from segkit.layers.linear import mlp
from segkit.layers.position_encoding import sine_position_encoding
from segkit.layers.transformer import FeedForward, initialize_transformer
from segkit.ops.cpu.linear import convolve_linear
from segkit.registries.signature import Fraction, Positive
from segkit.types import Feature, Prediction


class MaskedAttentionDecoder(nn.Module):
    """Transformer decoder of Mask2Former (Cheng et al. 2022, sec. 3.2).

    Each layer attends to one map of the memory, from the coarsest to the finest and round again, and there only to the
    pixels within the mask that the query has predicted so far. A mask without a pixel lets its query attend to all.

    Args:
        memory: The pixel decoder's memory maps, finest first.
        mask_dim: Width of the mask features.
        num_classes: Number of classes, without no-object.
        num_queries: Number of learned queries, the most segments that one image can get.
        num_layers: Number of layers. There is one prediction more, of the learned queries themselves.
        num_heads: Attention heads of each layer.
        hidden_dim: Width of the queries; a multiple of 4 and of `num_heads`.
        feedforward_dim: Inner width of the feed-forward blocks.
        dropout: Probability inside the layers.

    Raises:
        ConfigError: `hidden_dim` is not a multiple of 4 and of `num_heads`.

    Example:
        >>> memory = [Feature(16, 16), Feature(16, 32)]
        >>> decoder = MaskedAttentionDecoder(memory, mask_dim=8, num_classes=3, num_queries=5, num_layers=2)
        >>> prediction = decoder([torch.zeros(1, 16, 4, 6), torch.zeros(1, 16, 2, 3)], torch.zeros(1, 8, 16, 24))
        >>> prediction.class_logits.shape, prediction.mask_logits.shape, len(prediction.auxiliary)
        (torch.Size([1, 5, 4]), torch.Size([1, 5, 16, 24]), 2)
    """

    def __init__(
        self,
        memory: list[Feature],
        mask_dim: int,
        num_classes: int,
        *,
        num_queries: Positive = 100,
        num_layers: Positive = 9,
        num_heads: Positive = 8,
        hidden_dim: Positive = 256,
        feedforward_dim: Positive = 2048,
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__()
        if hidden_dim % 4 or hidden_dim % num_heads:
            raise ConfigError(
                "transformer_decoder 'masked_attention': hidden_dim: must be a multiple of 4 and of num_heads, which "
                f"is {num_heads}; {hidden_dim} is not."
            )
        # Fewer layers than maps never reach the finest ones.
        used = memory[::-1][:num_layers]
        self.input_projections = nn.ModuleList(
            nn.Identity() if feature.channels == hidden_dim else nn.Conv2d(feature.channels, hidden_dim, 1)
            for feature in used
        )
        self.map_embeddings = nn.Embedding(len(used), hidden_dim)
        self.query_features = nn.Embedding(num_queries, hidden_dim)
        self.query_positions = nn.Embedding(num_queries, hidden_dim)
        self.layers = nn.ModuleList(
            MaskedLayer(hidden_dim, num_heads, feedforward_dim, dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_dim)
        self.class_head = nn.Linear(hidden_dim, num_classes + 1)
        self.mask_head = mlp(hidden_dim, hidden_dim, mask_dim, num_layers=3)
        convolve_linear(self)

    def forward(self, memory: list[Tensor], mask_features: Tensor) -> Prediction:
        """Predicts from the memory [(B,Ci,Hi,Wi)], finest first, and the mask features (B,E,h,w).

        Returns:
            The last layer's prediction, with those of the earlier layers and of the learned queries as `auxiliary`.
        """
        maps = memory[::-1][: len(self.input_projections)]
        keys, values, small = [], [], []
        for index, (projection, one) in enumerate(zip(self.input_projections, maps, strict=True)):
            value = projection(one).flatten(2).transpose(1, 2) + self.map_embeddings.weight[index]  # (B, S, C)
            values.append(value)
            keys.append(value + sine_position_encoding(one.shape[-2], one.shape[-1], value.shape[-1], value.device))
            # Resizing is linear: features resized once give the same masks as the resized masks of every layer.
            resized = interpolate(mask_features.detach(), size=one.shape[-2:], mode="bilinear", align_corners=False)
            small.append(resized.flatten(2))  # (B, E, S)
        position = self.query_positions.weight
        queries = self.query_features.weight.expand(mask_features.shape[0], -1, -1)  # (B, Q, C)
        predictions = [self._predict(queries, mask_features)]
        for index, layer in enumerate(self.layers):
            turn = index % len(maps)
            allowed = _within_masks(predictions[-1].mask_embeddings, small[turn])
            queries = layer(queries, position, keys[turn], values[turn], allowed)
            predictions.append(self._predict(queries, mask_features))
        predictions[-1].auxiliary = predictions[:-1]
        return predictions[-1]

    def _predict(self, queries: Tensor, mask_features: Tensor) -> Prediction:
        """Applies the heads to the queries (B,Q,C) of one layer."""
        state = self.norm(queries)
        return Prediction(self.class_head(state), mask_embeddings=self.mask_head(state), mask_features=mask_features)


@torch.no_grad()
def _within_masks(embeddings: Tensor | None, features: Tensor) -> Tensor:
    """Returns (B,1,Q,S) bool: the pixels that each query may attend to (eq. 2 and 3).

    Args:
        embeddings: (B,Q,E).
        features: Mask features of the attended map, (B,E,S).
    """
    assert embeddings is not None, "the decoder's own predictions have mask embeddings"
    within = embeddings @ features >= 0
    return (within | ~within.any(-1, keepdim=True))[:, None]


class MaskedLayer(nn.Module):
    """Masked cross-attention, self-attention and feed-forward: residual branches, each with a layer norm behind it."""

    def __init__(self, hidden_dim: int, num_heads: int, feedforward_dim: int, dropout: float) -> None:
        super().__init__()
        self.cross_attention = Attention(hidden_dim, num_heads, dropout)
        self.self_attention = Attention(hidden_dim, num_heads, dropout)
        self.feed_forward = FeedForward(hidden_dim, feedforward_dim, dropout)
        self.dropout = nn.Dropout(dropout)
        self.cross_attention_norm = nn.LayerNorm(hidden_dim)
        self.self_attention_norm = nn.LayerNorm(hidden_dim)
        self.feed_forward_norm = nn.LayerNorm(hidden_dim)
        initialize_transformer(self)

    def forward(self, queries: Tensor, position: Tensor, keys: Tensor, values: Tensor, allowed: Tensor) -> Tensor:
        """queries (B,Q,C), position (Q,C), keys and values (B,S,C), allowed (B,1,Q,S) bool -> (B,Q,C)."""
        attended = self.cross_attention(queries + position, keys, values, allowed)
        queries = self.cross_attention_norm(queries + self.dropout(attended))
        placed = queries + position
        attended = self.self_attention(placed, placed, queries)
        queries = self.self_attention_norm(queries + self.dropout(attended))
        normed: Tensor = self.feed_forward_norm(queries + self.feed_forward(queries))
        return normed


class Attention(nn.Module):
    """Multi-head attention with an optional mask that all heads share."""

    def __init__(self, hidden_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.query, self.key, self.value, self.output = (nn.Linear(hidden_dim, hidden_dim) for _ in range(4))

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None = None) -> Tensor:
        """queries (B,Q,C), keys and values (B,S,C), allowed (B,1,Q,S) bool; None = all -> (B,Q,C)."""
        query, key, value = (
            linear(tokens).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (B, heads, Q or S, C / heads)
            for linear, tokens in ((self.query, queries), (self.key, keys), (self.value, values))
        )
        dropout = self.dropout if self.training else 0.0
        attended = scaled_dot_product_attention(query, key, value, attn_mask=allowed, dropout_p=dropout)
        output: Tensor = self.output(attended.transpose(1, 2).flatten(2))
        return output
