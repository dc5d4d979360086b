"""Encoder and decoder layers of DETR (Carion et al. 2020, appendix A.3), batch first.

Positions are added to queries and keys of every attention, never to values. Attention goes through
`scaled_dot_product_attention` by way of `nn.MultiheadAttention`.
"""

from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.layers.recording import Recorded


def check_width(part: str, hidden_dim: int, num_heads: int) -> None:
    """Raises ConfigError where heads cannot share `hidden_dim` evenly, or no sine position encoding has that width."""
    if hidden_dim % 4 or hidden_dim % num_heads:
        raise ConfigError(
            f"{part}: hidden_dim: must be a multiple of 4 and of num_heads, which is {num_heads}; {hidden_dim} is not."
        )


class Attention(nn.Module):
    """Multi-head attention as a residual branch: (B,L,C) queries against (B,S,C) keys and values."""

    def __init__(self, hidden_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        attended, _ = self.attention(query, key, value, need_weights=False)
        return self.dropout(attended)  # type: ignore[no-any-return]

    def attention_weights(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Computes the weights (B, heads, L, S) of `forward` on the same inputs, for `segkit.record`."""
        _, weights = self.attention(query, key, value, need_weights=True, average_attn_weights=False)
        return weights  # type: ignore[no-any-return]


class FeedForward(nn.Sequential):
    """Two linear layers with ReLU, as a residual branch."""

    def __init__(self, hidden_dim: int, feedforward_dim: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(hidden_dim, feedforward_dim),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(feedforward_dim, hidden_dim),
            nn.Dropout(dropout),
        )


def initialize_transformer(module: nn.Module) -> None:
    """Xavier-uniform matrices in every attention and linear layer of `module`, as DETR starts."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each with a residual and a layer norm after (or, `pre_norm`, before) it."""

    records: Recorded = "hidden_states"

    def __init__(self, hidden_dim: int, num_heads: int, feedforward_dim: int, dropout: float, pre_norm: bool) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.self_attention = Attention(hidden_dim, num_heads, dropout)
        self.feed_forward = FeedForward(hidden_dim, feedforward_dim, dropout)
        self.self_attention_norm = nn.LayerNorm(hidden_dim)
        self.feed_forward_norm = nn.LayerNorm(hidden_dim)
        initialize_transformer(self)

    def forward(self, tokens: Tensor, position: Tensor) -> Tensor:
        """tokens (B,S,C), position (S,C) -> (B,S,C)."""
        if self.pre_norm:
            normed = self.self_attention_norm(tokens)
            tokens = tokens + self.self_attention(normed + position, normed + position, normed)
            return tokens + self.feed_forward(self.feed_forward_norm(tokens))  # type: ignore[no-any-return]
        where = tokens + position
        tokens = self.self_attention_norm(tokens + self.self_attention(where, where, tokens))
        return self.feed_forward_norm(tokens + self.feed_forward(tokens))  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """Self-attention among queries, cross-attention to the memory, feed-forward."""

    records: Recorded = "hidden_states"

    def __init__(self, hidden_dim: int, num_heads: int, feedforward_dim: int, dropout: float, pre_norm: bool) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.self_attention = Attention(hidden_dim, num_heads, dropout)
        self.cross_attention = Attention(hidden_dim, num_heads, dropout)
        self.feed_forward = FeedForward(hidden_dim, feedforward_dim, dropout)
        self.self_attention_norm = nn.LayerNorm(hidden_dim)
        self.cross_attention_norm = nn.LayerNorm(hidden_dim)
        self.feed_forward_norm = nn.LayerNorm(hidden_dim)
        initialize_transformer(self)

    def forward(self, queries: Tensor, query_position: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """queries (B,Q,C), query_position (Q,C), keys (memory with its positions) and values (B,S,C) -> (B,Q,C)."""
        if self.pre_norm:
            normed = self.self_attention_norm(queries)
            queries = queries + self.self_attention(normed + query_position, normed + query_position, normed)
            normed = self.cross_attention_norm(queries)
            queries = queries + self.cross_attention(normed + query_position, keys, values)
            return queries + self.feed_forward(self.feed_forward_norm(queries))  # type: ignore[no-any-return]
        where = queries + query_position
        queries = self.self_attention_norm(queries + self.self_attention(where, where, queries))
        queries = self.cross_attention_norm(queries + self.cross_attention(queries + query_position, keys, values))
        return self.feed_forward_norm(queries + self.feed_forward(queries))  # type: ignore[no-any-return]
