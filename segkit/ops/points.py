"""Random points of an image, and the values of maps and segments there (Kirillov et al. 2020, PointRend).

Points are (…,P,2): x and y as fractions of width and height, in [0, 1). They come from torch's global generator.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from segkit.types import Size


@dataclass(frozen=True)
class PointSampling:
    """How the points of each mask are chosen in training (PointRend, sec. 3.1).

    Example:
        >>> PointSampling(count=100).candidates
        300
    """

    count: int
    """Points per mask."""
    oversample_ratio: float = 3.0
    """Candidates per point, from which the most uncertain ones (logits nearest 0) are taken."""
    importance_ratio: float = 0.75
    """Fraction of the points taken from the candidates; the others are drawn uniformly."""

    @property
    def candidates(self) -> int:
        """Candidates per mask, at least `count`."""
        return max(self.count, int(self.count * self.oversample_ratio))


def uniform_points(num_masks: int, count: int, device: torch.device) -> Tensor:
    """Draws `count` points for each mask: (num_masks,count,2).

    Example:
        >>> uniform_points(2, 5, torch.device("cpu")).shape
        torch.Size([2, 5, 2])
    """
    return torch.rand(num_masks, count, 2, device=device)


def uncertain_points(maps: Tensor, sampling: PointSampling) -> Tensor:
    """Draws points for each mask, most of them where its logits are near zero: (M,h,w) float32 -> (M,count,2).

    Example:
        >>> uncertain_points(torch.zeros(2, 8, 8), PointSampling(count=5)).shape
        torch.Size([2, 5, 2])
    """
    num_important = int(sampling.count * sampling.importance_ratio)
    candidates = uniform_points(len(maps), sampling.candidates, maps.device)
    uncertainty = -sample_maps(maps, candidates).abs()
    chosen = uncertainty.topk(num_important, dim=1, sorted=False).indices
    important = candidates.gather(1, chosen[..., None].expand(-1, -1, 2))
    return torch.cat([important, uniform_points(len(maps), sampling.count - num_important, maps.device)], dim=1)


def sample_maps(maps: Tensor, points: Tensor) -> Tensor:
    """Samples each map bilinearly at its own points: (M,h,w) float32, (M,P,2) -> (M,P).

    At the center of a pixel the value is that of bilinear upsampling.

    Example:
        >>> sample_maps(torch.tensor([[[0.0, 4.0]]]), torch.tensor([[[0.25, 0.5], [0.5, 0.5]]])).tolist()
        [[0.0, 2.0]]
    """
    grid = (2 * points - 1)[:, None]  # (M, 1, P, 2)
    return grid_sample(maps[:, None], grid, mode="bilinear", padding_mode="border", align_corners=False)[:, 0, 0]


def sample_channels(channels: Tensor, points: Tensor) -> Tensor:
    """Samples all channels of each image bilinearly at the same points: (B,C,h,w) float32, (B,P,2) -> (B,C,P).

    Example:
        >>> sample_channels(torch.tensor([[[[0.0, 4.0]], [[1.0, 1.0]]]]), torch.tensor([[[0.5, 0.5]]])).tolist()
        [[[2.0], [1.0]]]
    """
    grid = (2 * points - 1)[:, None]  # (B, 1, P, 2)
    return grid_sample(channels, grid, mode="bilinear", padding_mode="border", align_corners=False)[:, :, 0]


def pixels_of(points: Tensor, size: Size) -> Tensor:
    """Returns the pixel in which each point lies, counted by rows in an image of `size`: (…,P,2) -> (…,P) int64.

    Example:
        >>> pixels_of(torch.tensor([[0.1, 0.1], [0.9, 0.9]]), size=(2, 3)).tolist()
        [0, 5]
    """
    height, width = size
    columns = (points[..., 0] * width).long().clamp_(max=width - 1)
    rows = (points[..., 1] * height).long().clamp_(max=height - 1)
    return rows * width + columns
