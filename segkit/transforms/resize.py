"""The transform `resize`."""

from segkit.registries import TRANSFORMS
from segkit.registries.signature import Positive
from segkit.transforms._geometry import resize_sample
from segkit.types import Sample


@TRANSFORMS.register("resize")
class Resize:
    """Resizes to a fixed size without keeping the proportions.

    Args:
        size: (height, width) in pixels.

    Example:
        >>> import torch
        >>> from segkit.types import Sample
        >>> sample = Sample(torch.zeros(3, 40, 60, dtype=torch.uint8), None, "a.png", 0)
        >>> Resize(size=(32, 32))(sample).size
        (32, 32)
    """

    def __init__(self, *, size: tuple[Positive, Positive]) -> None:
        self.size = size

    def __call__(self, sample: Sample) -> Sample:
        return resize_sample(sample, self.size)
