"""Resizing by the shorter side, the standard step of training and of evaluation."""

import torch

from segkit.registries import TRANSFORMS
from segkit.transforms._geometry import resized
from segkit.types import Sample


@TRANSFORMS.register("resize_shortest_edge")
class ResizeShortestEdge:
    """Makes the shorter side one of `sizes` pixels, keeping the proportions.

    sizes: one size, or several of which each sample draws one.
    max_size: upper bound of the longer side in pixels; where it binds, the shorter side becomes shorter than drawn.
    """

    def __init__(self, *, sizes: int | list[int], max_size: int | None = None) -> None:
        self.sizes = [sizes] if isinstance(sizes, int) else list(sizes)
        self.max_size = max_size

    def __call__(self, sample: Sample) -> Sample:
        chosen = self.sizes[int(torch.randint(len(self.sizes), ()))] if len(self.sizes) > 1 else self.sizes[0]
        height, width = sample.size
        scale = chosen / min(height, width)
        if self.max_size is not None:
            scale = min(scale, self.max_size / max(height, width))
        return resized(sample, (max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))))
