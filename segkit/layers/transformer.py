"""Encoder and decoder layers of DETR (Carion et al. 2020, appendix A.3), batch first.

B batch, S memory pixels, Q queries, C hidden_dim. Positions are added to the queries and keys of every attention, never
to the values. `nn.MultiheadAttention` computes attention by torch's `scaled_dot_product_attention`.
"""

from torch import Tensor, nn

from segkit.errors import ConfigError
from segkit.layers.recording import Recorded


def check_hidden_dim(part: str, hidden_dim: int, num_heads: int) -> None:
    """Checks that the heads can share `hidden_dim` evenly and that a sine position encoding has that many channels.

    Raises:
        ConfigError: they cannot; the message starts with `part`.

    Example:
        >>> check_hidden_dim("transformer_decoder 'standard'", hidden_dim=256, num_heads=8)
    """
    if hidden_dim % 4 or hidden_dim % num_heads:
        raise ConfigError(
            f"{part}: hidden_dim: must be a multiple of 4 and of num_heads, which is {num_heads}; {hidden_dim} is not."
        )


def initialize_transformer(module: nn.Module) -> None:
    """Sets Xavier-uniform weights in every attention and linear layer of `module`, as DETR does.

    Example:
        >>> initialize_transformer(nn.Linear(4, 4))
    """
    for parameter in module.parameters():
        # Biases and norms have one dimension; they keep their values.
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)


class Attention(nn.Module):
    """Multi-head attention as a residual branch.

    Args:
        hidden_dim: C, of queries, keys and values.
        num_heads: Divides C.
        dropout: Probability, of attention weights and of the output.
    """

    def __init__(self, hidden_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """query (B,Q,C), key and value (B,S,C) -> (B,Q,C)."""
        # Without weights, torch may use its fused attention kernels.
        attended, _ = self.attention(query, key, value, need_weights=False)
        dropped: Tensor = self.dropout(attended)
        return dropped

    def attention_weights(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Computes the weights (B, heads, L, S) of `forward` on the same inputs, for `segkit.record`."""
        weights: Tensor
        _, weights = self.attention(query, key, value, need_weights=True, average_attn_weights=False)
        return weights


class FeedForward(nn.Sequential):
    """Two linear layers with ReLU between them, as a residual branch: (B,S,C) -> (B,S,C).

    Args:
        hidden_dim: C.
        feedforward_dim: Width between the two layers.
        dropout: Probability, after each layer.
    """

    def __init__(self, hidden_dim: int, feedforward_dim: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(hidden_dim, feedforward_dim),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(feedforward_dim, hidden_dim),
            nn.Dropout(dropout),
        )


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each as a residual branch with a layer norm.

    Args:
        hidden_dim: C.
        num_heads: Of the attention; divides C.
        feedforward_dim: Inner width of the feed-forward branch.
        dropout: Probability, in both branches.
        pre_norm: Normalize the input of each branch instead of its sum with the residual.

    Example:
        >>> import torch
        >>> layer = EncoderLayer(hidden_dim=8, num_heads=2, feedforward_dim=16, dropout=0.0, pre_norm=False)
        >>> layer(torch.zeros(1, 6, 8), position=torch.zeros(6, 8)).shape
        torch.Size([1, 6, 8])
    """

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
            tokens = tokens + self.feed_forward(self.feed_forward_norm(tokens))
        else:
            placed = tokens + position
            tokens = self.self_attention_norm(tokens + self.self_attention(placed, placed, tokens))
            tokens = self.feed_forward_norm(tokens + self.feed_forward(tokens))
        return tokens


class DecoderLayer(nn.Module):
    """Self-attention among queries, cross-attention to the memory and feed-forward, as residual branches.

    Args:
        hidden_dim: C.
        num_heads: Of each attention; divides C.
        feedforward_dim: Inner width of the feed-forward branch.
        dropout: Probability, in all branches.
        pre_norm: Normalize the input of each branch instead of its sum with the residual.

    Example:
        >>> import torch
        >>> layer = DecoderLayer(hidden_dim=8, num_heads=2, feedforward_dim=16, dropout=0.0, pre_norm=False)
        >>> queries, position, memory = torch.zeros(1, 5, 8), torch.zeros(5, 8), torch.zeros(1, 6, 8)
        >>> layer(queries, position, keys=memory, values=memory).shape
        torch.Size([1, 5, 8])
    """

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
        """Updates the queries of one layer.

        Args:
            queries: (B,Q,C).
            query_position: (Q,C), added in both attentions.
            keys: The memory with its positions, (B,S,C).
            values: The memory, (B,S,C).

        Returns:
            (B,Q,C).
        """
        if self.pre_norm:
            normed = self.self_attention_norm(queries)
            queries = queries + self.self_attention(normed + query_position, normed + query_position, normed)
            normed = self.cross_attention_norm(queries)
            queries = queries + self.cross_attention(normed + query_position, keys, values)
            queries = queries + self.feed_forward(self.feed_forward_norm(queries))
        else:
            placed = queries + query_position
            queries = self.self_attention_norm(queries + self.self_attention(placed, placed, queries))
            queries = self.cross_attention_norm(queries + self.cross_attention(queries + query_position, keys, values))
            queries = self.feed_forward_norm(queries + self.feed_forward(queries))
        return queries
