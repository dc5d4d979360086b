"""The transform `resize_shortest_edge`."""

import math
from typing import Literal

import torch

from segkit.errors import ConfigError
from segkit.registries import TRANSFORMS
from segkit.registries.signature import Positive
from segkit.transforms._geometry import resize_sample
from segkit.types import Sample, Size


@TRANSFORMS.register("resize_shortest_edge")
class ResizeShortestEdge:
    """Resizes the shorter side to one of `sizes`, keeping the proportions.

    Args:
        sizes: Pixels of the shorter side. Of a list, each sample draws one at random.
        max_size: Upper bound of the longer side in pixels. It may make the shorter side shorter than drawn.
        size_divisor: Finally, both sides are rounded up to multiples of it. This changes the proportions slightly and
            may exceed `max_size`.
        rounding: Rounding of the longer side. `nearest`, or `down` for the sizes of transformers'
            MaskFormerImageProcessor. The shorter side is always rounded to nearest; it has a fraction only where
            `max_size` limits it.

    Raises:
        ConfigError: the list of sizes is empty.

    Example:
        >>> import torch
        >>> from segkit.types import Sample
        >>> sample = Sample(torch.zeros(3, 480, 640, dtype=torch.uint8), None, "a.png", 0)
        >>> ResizeShortestEdge(sizes=240)(sample).size
        (240, 320)
        >>> ResizeShortestEdge(sizes=240, max_size=160)(sample).size
        (120, 160)
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
            raise ConfigError("transform 'resize_shortest_edge': sizes: the list is empty. Give at least one size.")
        self.sizes = [sizes] if isinstance(sizes, int) else list(sizes)
        self.max_size = max_size
        self.size_divisor = size_divisor
        self.rounding = rounding

    def __call__(self, sample: Sample) -> Sample:
        chosen = self.sizes[int(torch.randint(len(self.sizes), ()))] if len(self.sizes) > 1 else self.sizes[0]
        return resize_sample(sample, self.size_of(sample.size, chosen))

    def size_of(self, size: Size, chosen: int) -> Size:
        """Returns the new size of an image of `size` whose shorter side is to have `chosen` pixels."""
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
        # The order of operations is that of transformers. In another order, floating-point arithmetic would make other
        # sizes: a longer side that should be exactly `max_size` comes out one pixel shorter for some images.
        shorter, longer = min(size), max(size)
        exact: float = chosen
        if self.max_size is not None and longer / shorter * chosen > self.max_size:
            exact = self.max_size * shorter / longer
        if round(exact) == shorter:
            return size
        sides = max(1, round(exact)), max(1, int(exact * longer / shorter))
        return sides if size[0] <= size[1] else (sides[1], sides[0])
