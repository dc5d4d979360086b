"""The transform `random_window`, as in DETR's training (arXiv 2005.12872, appendix A.4)."""

import torch

from segkit.registries import TRANSFORMS
from segkit.registries.signature import Fraction, Positive
from segkit.transforms._geometry import crop_sample
from segkit.transforms._ranges import require_order
from segkit.transforms.resize_shortest_edge import ResizeShortestEdge
from segkit.types import Sample


@TRANSFORMS.register("random_window")
class RandomWindow:
    """Resizes some images and crops a window of random height and width out of them. The others stay as they are.

    Objects of a cropped image appear larger once a `resize_shortest_edge` behind it brings all images to one scale.

    Args:
        probability: Fraction of the images that are cropped.
        sizes: Pixels of the shorter side before the crop; each image draws one at random.
        least: Least height and width of the window in pixels. An image that is smaller keeps its own.
        most: Largest height and width likewise.

    Raises:
        ConfigError: `least` is larger than `most`, or the list of sizes is empty.

    Example:
        >>> import torch
        >>> from segkit.types import Sample
        >>> sample = Sample(torch.zeros(3, 40, 60, dtype=torch.uint8), None, "a.png", 0)
        >>> RandomWindow(probability=1, sizes=[80], least=50, most=50)(sample).size
        (50, 50)
    """

    def __init__(
        self,
        *,
        probability: Fraction = 0.5,
        sizes: list[Positive] | None = None,
        least: Positive = 384,
        most: Positive = 600,
    ) -> None:
        require_order("random_window", ("least", "most"), least, most)
        self.probability = probability
        self.resize = ResizeShortestEdge(sizes=[400, 500, 600] if sizes is None else sizes)
        self.least = least
        self.most = most

    def __call__(self, sample: Sample) -> Sample:
        if torch.rand(()).item() >= self.probability:
            return sample
        sample = self.resize(sample)
        height, width = (self._side(side) for side in sample.size)
        top = int(torch.randint(sample.size[0] - height + 1, ()))
        left = int(torch.randint(sample.size[1] - width + 1, ()))
        return crop_sample(sample, top, left, (height, width))

    def _side(self, side: int) -> int:
        """Draws a side of the window of an image that has `side` pixels there."""
        return int(torch.randint(min(self.least, side), min(self.most, side) + 1, ()))
