"""The transformer decoder of MaskFormer: DETR's, with a class head and a mask head over every layer."""

import torch
from torch import Tensor, nn

from segkit.layers.convolution import mlp
from segkit.layers.position_encoding import sine_position_encoding
from segkit.layers.transformer import DecoderLayer, check_width
from segkit.registries import TRANSFORMER_DECODERS
from segkit.registries.signature import Fraction, Positive
from segkit.types import Feature, Prediction


@TRANSFORMER_DECODERS.register("standard")
class StandardDecoder(nn.Module):
    """Learned queries attend to the coarsest memory map (Cheng et al. 2021, sec. 3.3; Carion et al. 2020).

    Queries start at zero, their learned positions being added in every attention. One class head and one mask head
    (a three-layer MLP) read every layer's normalized queries.
    """

    def __init__(
        self,
        memory: list[Feature],
        mask_dim: int,
        num_classes: int,
        *,
        num_queries: Positive = 100,
        num_layers: Positive = 6,
        num_heads: Positive = 8,
        hidden_dim: Positive = 256,
        feedforward_dim: Positive = 2048,
        dropout: Fraction = 0.1,
        pre_norm: bool = False,
        class_head: bool = True,
    ) -> None:
        """
        Args:
            memory: what the pixel decoder publishes; the last map is attended to.
            mask_dim: width of the mask features.
            num_classes: without no-object.
            num_queries: learned queries, thus the most segments that one image can get.
            num_layers: decoder layers; each gives a prediction.
            num_heads: attention heads of each.
            hidden_dim: width of the queries; a multiple of 4 and of `num_heads`.
            feedforward_dim: inner width of the feed-forward blocks.
            dropout: probability, inside the layers.
            pre_norm: normalize before each block instead of after it.
            class_head: False for masks alone (per-pixel models): class_logits are then (B,Q,0).

        Raises ConfigError for a `hidden_dim` that is no such multiple.
        """
        super().__init__()
        check_width("transformer_decoder 'standard'", hidden_dim, num_heads)
        channels = memory[-1].channels
        self.input_projection = nn.Conv2d(channels, hidden_dim, 1) if channels != hidden_dim else nn.Identity()
        if isinstance(self.input_projection, nn.Conv2d):
            nn.init.kaiming_uniform_(self.input_projection.weight, a=1)
            nn.init.zeros_(self.input_projection.bias)  # type: ignore[arg-type]
        self.query_positions = nn.Embedding(num_queries, hidden_dim)
        self.layers = nn.ModuleList(
            DecoderLayer(hidden_dim, num_heads, feedforward_dim, dropout, pre_norm) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_dim)
        self.class_head = nn.Linear(hidden_dim, num_classes + 1) if class_head else None
        self.mask_head = mlp(hidden_dim, hidden_dim, mask_dim, num_layers=3)

    def forward(self, memory: list[Tensor], mask_features: Tensor) -> Prediction:
        """[(B,Ci,Hi,Wi)], (B,E,h,w) -> the last layer's prediction, the earlier ones' as `auxiliary`."""
        projected = self.input_projection(memory[-1])
        batch, channels, height, width = projected.shape
        values = projected.flatten(2).transpose(1, 2)  # (B, S, C)
        keys = values + sine_position_encoding(height, width, channels, values.device)
        position = self.query_positions.weight  # (Q, C)
        queries = torch.zeros_like(position).expand(batch, -1, -1)
        states = []
        for layer in self.layers:
            queries = layer(queries, position, keys, values)
            states.append(self.norm(queries))
        predictions = [self._predict(state, mask_features) for state in states]
        predictions[-1].auxiliary = predictions[:-1]
        return predictions[-1]

    def _predict(self, state: Tensor, mask_features: Tensor) -> Prediction:
        class_logits = state[..., :0] if self.class_head is None else self.class_head(state)
        return Prediction(class_logits, mask_embeddings=self.mask_head(state), mask_features=mask_features)
