"""Points drawn at random in an image, and what maps, segments and validity say there (Kirillov et al. 2020).

Points are (…,P,2): x and y as shares of width and height, in [0, 1). They come from torch's global generator.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from segkit.types import Size


@dataclass(frozen=True)
class PointSampling:
    """How many points of each mask a loss sees, and how they are chosen (PointRend, sec. 3.1, training)."""

    count: int
    oversample_ratio: float = 3.0
    """Candidates per point; the most uncertain ones, whose logits are nearest 0, are taken first."""
    importance_ratio: float = 0.75
    """Fraction of the points taken so; the others are drawn uniformly."""

    @property
    def candidates(self) -> int:
        return max(self.count, int(self.count * self.oversample_ratio))


def uniform_points(masks: int, count: int, device: torch.device) -> Tensor:
    """(masks,count,2)."""
    return torch.rand(masks, count, 2, device=device)


def uncertain_points(maps: Tensor, sampling: PointSampling) -> Tensor:
    """(M,h,w) logits -> (M,count,2), drawn for each mask by itself."""
    important = int(sampling.count * sampling.importance_ratio)
    candidates = uniform_points(len(maps), sampling.candidates, maps.device)
    uncertainty = -sample_maps(maps, candidates).abs()
    chosen = uncertainty.topk(important, dim=1, sorted=False).indices
    certain = candidates.gather(1, chosen[..., None].expand(-1, -1, 2))
    return torch.cat([certain, uniform_points(len(maps), sampling.count - important, maps.device)], dim=1)


def sample_maps(maps: Tensor, points: Tensor) -> Tensor:
    """(M,h,w) float32, (M,P,2) -> (M,P), bilinear: at a pixel's centre the value that upsampling gives it."""
    grid = (2 * points - 1)[:, None]  # (M, 1, P, 2)
    return grid_sample(maps[:, None], grid, mode="bilinear", padding_mode="border", align_corners=False)[:, 0, 0]


def sample_channels(channels: Tensor, points: Tensor) -> Tensor:
    """(C,h,w) float32, (P,2) -> (C,P), bilinear, all channels at the same points."""
    grid = (2 * points - 1)[None, None]
    return grid_sample(channels[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0, :, 0]


def pixels_of(points: Tensor, size: Size) -> Tensor:
    """(…,P,2) -> (…,P) int64: the pixel, counted by rows, of an image of `size` in which each point lies."""
    height, width = size
    columns = (points[..., 0] * width).long().clamp_(max=width - 1)
    rows = (points[..., 1] * height).long().clamp_(max=height - 1)
    return rows * width + columns
