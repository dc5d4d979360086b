"""Multi-scale deformable attention (Zhu et al. 2021, sec. 4.1) in plain PyTorch.

B batch, S pixels of all maps, C hidden_dim, M heads, D = C / M, L maps, P points.
"""

import math

import torch
from torch import Tensor, nn

from segkit.types import Size
from segkit_mask2former.sampling import numbers, sample


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
    extents = torch.stack([numbers(sides, device) for sides in zip(*sizes, strict=True)][::-1], dim=-1)  # (L, 2)
    return torch.cat(centers)[:, None] * extents - 0.5
