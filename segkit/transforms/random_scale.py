"""The transform `random_scale`."""

from typing import Annotated

import torch

from segkit.registries import TRANSFORMS
from segkit.registries.signature import Bounds, Positive
from segkit.transforms._geometry import resize_sample
from segkit.transforms._ranges import require_order
from segkit.types import Sample

Factor = Annotated[float, Bounds(above=0, most=100)]


@TRANSFORMS.register("random_scale")
class RandomScale:
    """Resizes by a random factor, keeping the proportions (large scale jitter).

    The image becomes as large as fits into `size` times the factor ("Simple Copy-Paste", arXiv 2012.07177, section 3,
    with factors from 0.1 to 2).

    Args:
        size: (height, width) in pixels that the image fits into at factor 1.
        min_factor: Lower bound of the factor, which is uniformly distributed.
        max_factor: Upper bound of the factor.

    Raises:
        ConfigError: `min_factor` is more than `max_factor`.

    Example:
        >>> import torch
        >>> from segkit.types import Sample
        >>> sample = Sample(torch.zeros(3, 40, 60, dtype=torch.uint8), None, "a.png", 0)
        >>> RandomScale(size=(80, 80), min_factor=0.75, max_factor=0.75)(sample).size
        (40, 60)
    """

    def __init__(self, *, size: tuple[Positive, Positive], min_factor: Factor = 0.1, max_factor: Factor = 2.0) -> None:
        require_order("random_scale", ("min_factor", "max_factor"), min_factor, max_factor)
        self.size = size
        self.min_factor = min_factor
        self.max_factor = max_factor

    def __call__(self, sample: Sample) -> Sample:
        factor = self.min_factor + (self.max_factor - self.min_factor) * torch.rand(()).item()
        height, width = sample.size
        scale = factor * min(self.size[0] / height, self.size[1] / width)
        return resize_sample(sample, (max(1, round(height * scale)), max(1, round(width * scale))))
