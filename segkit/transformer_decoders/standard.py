"""The transformer decoder `standard`."""

from typing import Literal

import torch
from torch import Tensor, nn

from segkit.layers.convolution import initialize_convolutions
from segkit.layers.linear import mlp
from segkit.layers.position_encoding import sine_position_encoding
from segkit.layers.transformer import DecoderLayer, check_hidden_dim
from segkit.registries import TRANSFORMER_DECODERS
from segkit.registries.signature import Fraction, Positive
from segkit.types import DeferredFeatures, Feature, Prediction


@TRANSFORMER_DECODERS.register("standard")
class StandardDecoder(nn.Module):
    """Transformer decoder of MaskFormer (Cheng et al. 2021, sec. 3.3; Carion et al. 2020, appendix A.3).

    Learned queries attend to the coarsest memory map. One class head and one mask head, a three-layer MLP, are shared
    by all layers and read the normalized queries.

    Args:
        memory: The pixel decoder's memory maps; the last one is attended to.
        mask_dim: Width of the mask features.
        num_classes: Number of classes, without no-object.
        num_queries: Number of learned queries, the most segments that one image can get; `classes` for one query per
            class, as per-pixel models need.
        num_layers: Number of decoder layers; each gives a prediction.
        num_heads: Attention heads of each layer.
        hidden_dim: Width of the queries; a multiple of 4 and of `num_heads`.
        feedforward_dim: Inner width of the feed-forward blocks.
        dropout: Probability inside the layers.
        pre_norm: Normalize before each block instead of after it.
        class_head: False for masks alone (per-pixel models): class_logits are then (B,Q,0).

    Raises:
        ConfigError: `hidden_dim` is not a multiple of 4 and of `num_heads`.

    Example:
        >>> import torch
        >>> decoder = StandardDecoder([Feature(16, 32)], mask_dim=8, num_classes=3, num_queries=5, num_layers=2)
        >>> prediction = decoder([torch.zeros(1, 16, 2, 3)], torch.zeros(1, 8, 16, 24))
        >>> prediction.class_logits.shape, prediction.mask_logits.shape, len(prediction.auxiliary)
        (torch.Size([1, 5, 4]), torch.Size([1, 5, 16, 24]), 1)
    """

    def __init__(
        self,
        memory: list[Feature],
        mask_dim: int,
        num_classes: int,
        *,
        num_queries: Positive | Literal["classes"] = 100,
        num_layers: Positive = 6,
        num_heads: Positive = 8,
        hidden_dim: Positive = 256,
        feedforward_dim: Positive = 2048,
        dropout: Fraction = 0.1,
        pre_norm: bool = False,
        class_head: bool = True,
    ) -> None:
        super().__init__()
        check_hidden_dim("transformer_decoder 'standard'", hidden_dim, num_heads)
        channels = memory[-1].channels
        self.input_projection = nn.Conv2d(channels, hidden_dim, 1) if channels != hidden_dim else nn.Identity()
        initialize_convolutions(self.input_projection)
        self.query_positions = nn.Embedding(num_classes if num_queries == "classes" else num_queries, hidden_dim)
        self.layers = nn.ModuleList(
            DecoderLayer(hidden_dim, num_heads, feedforward_dim, dropout, pre_norm) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_dim)
        self.class_head = nn.Linear(hidden_dim, num_classes + 1) if class_head else None
        self.mask_head = mlp(hidden_dim, hidden_dim, mask_dim, num_layers=3)

    def forward(self, memory: list[Tensor], mask_features: Tensor | DeferredFeatures) -> Prediction:
        """Predicts from the memory [(B,Ci,Hi,Wi)] and the mask features (B,E,h,w).

        Returns:
            The last layer's prediction, with those of the earlier layers as `auxiliary`.
        """
        projected = self.input_projection(memory[-1])
        batch, channels, height, width = projected.shape
        values = projected.flatten(2).transpose(1, 2)  # (B, S, C)
        keys = values + sine_position_encoding(height, width, channels, values.device)
        position = self.query_positions.weight  # (Q, C)
        # DETR's queries start at zero. What tells them apart is their position, which every attention adds.
        queries = torch.zeros_like(position).expand(batch, -1, -1)  # (B, Q, C)
        states = []
        for layer in self.layers:
            queries = layer(queries, position, keys, values)
            states.append(self.norm(queries))  # for the heads alone: the next layer gets the queries themselves
        predictions = [self._predict(state, mask_features) for state in states]
        predictions[-1].auxiliary = predictions[:-1]
        return predictions[-1]

    def _predict(self, state: Tensor, mask_features: Tensor | DeferredFeatures) -> Prediction:
        """Applies the heads to the normalized queries (B,Q,C) of one layer."""
        class_logits = state[..., :0] if self.class_head is None else self.class_head(state)
        return Prediction(class_logits, mask_embeddings=self.mask_head(state), mask_features=mask_features)
