"""A small backbone of plain convolutions."""

from torch import Tensor, nn

from segkit.registries.signature import Positive
from segkit.types import Feature


class Pyramid(nn.Module):
    """Five stages of convolutions, each halving the resolution. The last four are published.

    Args:
        channels: Of the images.
        width: channels of the finest map, which has stride 4. Each coarser map has twice as many.

    Example:
        >>> import torch
        >>> [tuple(feature_map.shape) for feature_map in Pyramid(width=8)(torch.zeros(1, 3, 64, 96))]
        [(1, 8, 16, 24), (1, 16, 8, 12), (1, 32, 4, 6), (1, 64, 2, 3)]
    """

    def __init__(self, channels: int = 3, *, width: Positive = 32) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.features = [Feature(*sizes) for sizes in zip(widths, (4, 8, 16, 32), strict=True)]
        self.stem = _stage(channels, width)
        self.stages = nn.ModuleList(
            _stage(before, after) for before, after in zip([width, *widths[:-1]], widths, strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, C, H, W) float, normalized -> [(B, Ci, Hi, Wi)], finest first."""
        features = self.stem(images)
        maps = []
        for stage in self.stages:
            features = stage(features)
            maps.append(features)
        return maps


def _stage(before: int, after: int) -> nn.Sequential:
    """Two convolutions: (B, before, H, W) -> (B, after, H/2, W/2)."""
    return nn.Sequential(
        nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.Conv2d(after, after, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )
