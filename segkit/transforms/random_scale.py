"""Large scale jitter: resizing within wide bounds, to be followed by a crop."""

from typing import Annotated

import torch

from segkit.registries import TRANSFORMS
from segkit.registries.signature import Bounds, Positive
from segkit.transforms._geometry import resized
from segkit.types import Sample

Factor = Annotated[float, Bounds(above=0, most=100)]


@TRANSFORMS.register("random_scale")
class RandomScale:
    """Resizes the image to the largest size, in its own proportions, that fits `size` times a random factor.

    size: (height, width) in pixels that a factor of 1 stands for.
    min_factor, max_factor: bounds of the factor, drawn evenly ("Simple Copy-Paste", section 3: 0.1 to 2).
    """

    def __init__(self, *, size: tuple[Positive, Positive], min_factor: Factor = 0.1, max_factor: Factor = 2.0) -> None:
        self.size = size
        self.min_factor = min_factor
        self.max_factor = max_factor

    def __call__(self, sample: Sample) -> Sample:
        factor = self.min_factor + (self.max_factor - self.min_factor) * torch.rand(()).item()
        height, width = sample.size
        scale = factor * min(self.size[0] / height, self.size[1] / width)
        return resized(sample, (max(1, round(height * scale)), max(1, round(width * scale))))
