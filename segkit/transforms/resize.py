"""Resizing to a fixed size, whatever the proportions."""

from segkit.registries import TRANSFORMS
from segkit.registries.signature import Positive
from segkit.transforms._geometry import resized
from segkit.types import Sample


@TRANSFORMS.register("resize")
class Resize:
    """Makes every image the same size, stretching where proportions differ.

    size: (height, width) in pixels.
    """

    def __init__(self, *, size: tuple[Positive, Positive]) -> None:
        self.size = size

    def __call__(self, sample: Sample) -> Sample:
        return resized(sample, self.size)
