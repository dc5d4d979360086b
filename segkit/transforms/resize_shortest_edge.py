"""Resizing by the shorter side, the standard step of training and of evaluation."""

import math
from typing import Literal

import torch

from segkit.errors import ConfigError
from segkit.registries import TRANSFORMS
from segkit.registries.signature import Positive
from segkit.transforms._geometry import resized
from segkit.types import Sample, Size


@TRANSFORMS.register("resize_shortest_edge")
class ResizeShortestEdge:
    """Makes the shorter side one of `sizes` pixels, keeping the proportions.

    sizes: one size, or several of which each sample draws one.
    max_size: upper bound of the longer side in pixels; where it binds, the shorter side becomes shorter than drawn.
    size_divisor: at the end both sides are made the next multiple of it, which changes the proportions a little, and
        may exceed `max_size`.
    rounding: `nearest`, or `down` for the sizes that transformers' MaskFormerImageProcessor makes: the longer side
        loses its fraction of a pixel. (The shorter side has one only where `max_size` binds; it is always rounded.)

    Raises ConfigError for an empty list of sizes.
    """

    def __init__(
        self,
        *,
        sizes: Positive | list[Positive],
        max_size: Positive | None = None,
        size_divisor: Positive = 1,
        rounding: Literal["nearest", "down"] = "nearest",
    ) -> None:
        if sizes == []:
            raise ConfigError("transform 'resize_shortest_edge': sizes: the list is empty. Give one size or more.")
        self.sizes = [sizes] if isinstance(sizes, int) else list(sizes)
        self.max_size = max_size
        self.size_divisor = size_divisor
        self.rounding = rounding

    def __call__(self, sample: Sample) -> Sample:
        chosen = self.sizes[int(torch.randint(len(self.sizes), ()))] if len(self.sizes) > 1 else self.sizes[0]
        return resized(sample, self.size_of(sample.size, chosen))

    def size_of(self, size: Size, chosen: int) -> Size:
        """What an image of `size` becomes if its shorter side is to have `chosen` pixels."""
        sides = self._nearest(size, chosen) if self.rounding == "nearest" else self._down(size, chosen)
        height, width = (math.ceil(side / self.size_divisor) * self.size_divisor for side in sides)
        return height, width

    def _nearest(self, size: Size, chosen: int) -> Size:
        height, width = size
        scale = chosen / min(height, width)
        if self.max_size is not None:
            scale = min(scale, self.max_size / max(height, width))
        return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))

    def _down(self, size: Size, chosen: int) -> Size:
        """In the order of operations that transformers has, on which it depends whether a longer side that should be
        exactly `max_size` comes out a pixel short."""
        shorter, longer = min(size), max(size)
        exact: float = chosen
        if self.max_size is not None and longer / shorter * chosen > self.max_size:
            exact = self.max_size * shorter / longer
        if round(exact) == shorter:
            return size
        sides = max(1, round(exact)), max(1, int(exact * longer / shorter))
        return sides if size[0] <= size[1] else (sides[1], sides[0])
