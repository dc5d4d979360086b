"""A small backbone of plain convolutions."""

from torch import Tensor, nn

from segkit.types import Feature


class Pyramid(nn.Module):
    """Five halvings by convolution, the last four published, each twice as wide as the one before."""

    def __init__(self, *, width: int = 32) -> None:
        """
        Args:
            width: channels of the finest map, of stride 4.
        """
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.features = [Feature(channels, stride) for channels, stride in zip(widths, (4, 8, 16, 32), strict=True)]
        self.stem = _halving(3, width)
        self.stages = nn.ModuleList(
            _halving(before, after) for before, after in zip([width, *widths[:-1]], widths, strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B,3,H,W) normalized float -> [(B,Ci,Hi,Wi)], finest first."""
        features = self.stem(images)
        maps = []
        for stage in self.stages:
            features = stage(features)
            maps.append(features)
        return maps


def _halving(before: int, after: int) -> nn.Sequential:
    """(B,before,H,W) -> (B,after,H/2,W/2)."""
    return nn.Sequential(
        nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.Conv2d(after, after, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )
