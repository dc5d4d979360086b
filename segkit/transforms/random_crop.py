"""Cutting out a random window, preferably not one that a single class fills."""

from typing import Annotated

import torch

from segkit.ops.targets import label_map_of
from segkit.registries import TRANSFORMS
from segkit.registries.signature import Bounds, Positive
from segkit.transforms._geometry import cropped
from segkit.types import Sample, Target

_TRIES = 10

PositiveShare = Annotated[float, Bounds(above=0, most=1)]


@TRANSFORMS.register("random_crop")
class RandomCrop:
    """Cuts a random window out; an image smaller than the window in a dimension is kept whole in it.

    size: (height, width) of the window in pixels.
    max_category_share: upper bound in (0, 1] of the share one class may have of the window's known pixels (void does
        not count). Windows are drawn up to ten times until one keeps it and holds more than one class; then the last is
        taken, so an image of one class is cut all the same.
    """

    def __init__(self, *, size: tuple[Positive, Positive], max_category_share: PositiveShare | None = None) -> None:
        self.size = size
        self.max_category_share = max_category_share

    def __call__(self, sample: Sample) -> Sample:
        height, width = sample.size
        size = (min(self.size[0], height), min(self.size[1], width))
        bounded = self.max_category_share is not None and sample.target is not None
        target = _known_classes(sample.target) if bounded and sample.target is not None else None
        for _ in range(_TRIES if bounded else 1):
            top = int(torch.randint(height - size[0] + 1, ()))
            left = int(torch.randint(width - size[1] + 1, ()))
            if target is None or self._is_varied(target[top : top + size[0], left : left + size[1]]):
                break
        return cropped(sample, top, left, size)

    def _is_varied(self, window: torch.Tensor) -> bool:
        counts = torch.bincount(window.flatten())[1:]  # the first count is void's
        assert self.max_category_share is not None
        return int((counts > 0).sum()) > 1 and int(counts.max()) <= self.max_category_share * int(counts.sum())


def _known_classes(target: Target) -> torch.Tensor:
    """(H,W) int64: class index + 1, 0 where the class is unknown."""
    classes = label_map_of(target, void=-1) + 1
    return classes if target.valid is None else classes * target.valid
