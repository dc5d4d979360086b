"""Multi-scale deformable attention (Zhu et al. 2021, sec. 4.1) in plain PyTorch.

B batch, S pixels of all maps, C hidden_dim, M heads, D = C / M, L maps, P points.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from segkit.types import Size


class DeformableAttention(nn.Module):
    """Each pixel of several maps attends to a few places that it chooses itself, `num_points` per head and map.

    Args:
        hidden_dim: C.
        num_heads: M; divides C.
        num_maps: L.
        num_points: P.

    Example:
        >>> attention = DeformableAttention(hidden_dim=16, num_heads=2, num_maps=2, num_points=4)
        >>> sizes = [(2, 3), (4, 6)]
        >>> attention(torch.zeros(1, 30, 16), torch.zeros(1, 30, 16), reference_pixels(sizes), sizes).shape
        torch.Size([1, 30, 16])
    """

    def __init__(self, hidden_dim: int, num_heads: int, num_maps: int, num_points: int) -> None:
        super().__init__()
        self.shape = (num_heads, num_maps, num_points)
        places = num_heads * num_maps * num_points
        self.offsets = nn.Linear(hidden_dim, places * 2)
        self.weights = nn.Linear(hidden_dim, places)
        self.values = nn.Linear(hidden_dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, hidden_dim)
        self._initialize()

    def _initialize(self) -> None:
        """Lets head m look in the direction m / M of a circle at first, point p at a distance of p + 1 pixels."""
        num_heads, num_maps, num_points = self.shape
        angles = torch.arange(num_heads) * (2 * math.pi / num_heads)
        directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
        directions = directions / directions.abs().amax(-1, keepdim=True)
        distances = torch.arange(1, num_points + 1)[:, None]
        start = directions[:, None, None] * distances  # (M, 1, P, 2)
        with torch.no_grad():
            self.offsets.bias.copy_(start.expand(-1, num_maps, -1, -1).flatten())
        for weight in (self.offsets.weight, self.weights.weight, self.weights.bias):
            nn.init.zeros_(weight)
        for linear in (self.values, self.output):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, queries: Tensor, tokens: Tensor, reference: Tensor, sizes: list[Size]) -> Tensor:
        """Attends from every pixel to all maps.

        Args:
            queries: Tokens with their positions, (B,S,C).
            tokens: The pixels of all maps, map after map and by rows, (B,S,C).
            reference: Of `reference_pixels`, (S,L,2).
            sizes: (height, width) of each map.

        Returns:
            (B,S,C).
        """
        num_heads, num_maps, num_points = self.shape
        values = self.values(tokens).unflatten(-1, (num_heads, -1))  # (B, S, M, D)
        # Places need float32: half precision cannot tell the pixels of a large map apart.
        offsets = self.offsets(queries).float().unflatten(-1, (num_heads, num_maps, num_points, 2))
        weights = self.weights(queries).float().unflatten(-1, (num_heads, num_maps * num_points))
        weights = weights.softmax(-1).unflatten(-1, (num_maps, num_points))  # (B, S, M, L, P)
        places = reference[:, None, :, None] + offsets  # (B, S, M, L, P, 2)
        output: Tensor = self.output(sample(values, places, weights, sizes))
        return output


def reference_pixels(sizes: list[Size], device: torch.device | str = "cpu") -> Tensor:
    """Returns where each pixel of all maps lies in each map, (S,L,2): x and y in pixels of that map.

    Example:
        >>> reference_pixels([(1, 1), (1, 2)])[:, 1].tolist()
        [[0.5, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """
    centers = []
    for height, width in sizes:
        rows = (torch.arange(height, device=device) + 0.5) / height
        columns = (torch.arange(width, device=device) + 0.5) / width
        centers.append(torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1).flatten(0, 1))
    extents = torch.stack([_numbers(sides, device) for sides in zip(*sizes, strict=True)][::-1], dim=-1)  # (L, 2)
    return torch.cat(centers)[:, None] * extents - 0.5


def _numbers(values: Sequence[int], device: torch.device | str) -> Tensor:
    """Returns integers (L,) int64 as a tensor. They may be symbolic, which `torch.tensor` would not keep."""
    return torch.stack([torch.full((), value, dtype=torch.int64, device=device) for value in values])


def sample(values: Tensor, places: Tensor, weights: Tensor, sizes: list[Size]) -> Tensor:
    """Sums bilinear samples of the values; outside of a map the values are 0.

    One sample is the sum of four pixels. So all samples of a query and head are one weighted sum of rows of the values,
    which `embedding_bag` computes without storing the rows.

    Args:
        values: (B,S,M,D).
        places: x and y in pixels of each map, (B,S,M,L,P,2) float32.
        weights: Of each place, (B,S,M,L,P) float32.
        sizes: (height, width) of each map.

    Returns:
        (B,S,M*D).
    """
    batch, length, num_heads, _ = values.shape
    corner = places.detach().floor()
    fraction = places - corner  # (B, S, M, L, P, 2)
    corner_x, corner_y = corner.long().unbind(-1)
    right, below = fraction.unbind(-1)
    heights, widths = (_numbers(sides, values.device)[:, None] for sides in zip(*sizes, strict=True))
    starts = torch.cat([(heights * widths).new_zeros(1, 1), (heights * widths).cumsum(0)[:-1]])
    images = torch.arange(batch, device=values.device).view(-1, 1, 1, 1, 1) * length
    heads = torch.arange(num_heads, device=values.device).view(-1, 1, 1)
    rows, parts = [], []
    for y, weight_y in ((corner_y, 1 - below), (corner_y + 1, below)):
        for x, weight_x in ((corner_x, 1 - right), (corner_x + 1, right)):
            inside = (y >= 0) & (y < heights) & (x >= 0) & (x < widths)
            pixel = starts + y.clamp(min=0).minimum(heights - 1) * widths + x.clamp(min=0).minimum(widths - 1)
            rows.append((images + pixel) * num_heads + heads)
            parts.append(weights * weight_y * weight_x * inside)
    bags = torch.stack(rows, dim=-1).view(batch * length * num_heads, -1)
    factors = torch.stack(parts, dim=-1).view_as(bags)
    # Sums in float32: half precision loses what many small weights add up to.
    table = values.float().reshape(batch * length * num_heads, -1)
    if torch.compiler.is_exporting():  # other programs gather and add; they have no embedding_bag of this kind
        sums = (table[bags] * factors[..., None]).sum(1)
    else:
        sums = embedding_bag(bags, table, per_sample_weights=factors, mode="sum")
    return sums.view(batch, length, -1).to(values.dtype)
