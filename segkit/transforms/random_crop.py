"""The transform `random_crop`."""

from typing import Annotated

import torch
from torch import Tensor

from segkit.ops.targets import label_map_of
from segkit.registries import TRANSFORMS
from segkit.registries.signature import Bounds, Positive
from segkit.transforms._geometry import crop_sample
from segkit.types import Sample, Target

_TRIES = 10
"""As in detectron2's RandomCrop_CategoryAreaConstraint, which MaskFormer's training uses."""

PositiveFraction = Annotated[float, Bounds(above=0, most=1)]


@TRANSFORMS.register("random_crop")
class RandomCrop:
    """Crops a random window, preferably one with several classes.

    An image smaller than the window in one dimension is kept whole in it. With `max_category_share`, windows are drawn
    up to ten times until one holds several classes and none of them has more than this fraction of the pixels. The last
    window is taken where none does, so an image of one class is cropped too.

    Args:
        size: (height, width) of the window in pixels.
        max_category_share: Largest fraction, in (0, 1], of the window's pixels that one class may have. Void does not
            count.

    Example:
        >>> import torch
        >>> from segkit.types import Sample
        >>> sample = Sample(torch.zeros(3, 40, 60, dtype=torch.uint8), None, "a.png", 0)
        >>> RandomCrop(size=(50, 50))(sample).size
        (40, 50)
    """

    def __init__(self, *, size: tuple[Positive, Positive], max_category_share: PositiveFraction | None = None) -> None:
        self.size = size
        self.max_category_share = max_category_share

    def __call__(self, sample: Sample) -> Sample:
        height, width = sample.size
        size = (min(self.size[0], height), min(self.size[1], width))
        max_fraction = self.max_category_share if sample.target is not None else None
        classes = None if sample.target is None or max_fraction is None else _shifted_classes(sample.target)
        for _ in range(1 if max_fraction is None else _TRIES):
            top = int(torch.randint(height - size[0] + 1, ()))
            left = int(torch.randint(width - size[1] + 1, ()))
            if classes is None or max_fraction is None:
                break
            # Only the label map is cropped while windows are tried; the image and the masks follow once.
            if is_varied(classes[top : top + size[0], left : left + size[1]], max_fraction):
                break
        return crop_sample(sample, top, left, size)


def is_varied(classes: Tensor, max_fraction: float) -> bool:
    """Tells whether a window holds several classes of which none has more than `max_fraction` of the pixels.

    Args:
        classes: (h, w) int64, class index + 1, or 0 for void, which does not count.
        max_fraction: In (0, 1].

    Example:
        >>> is_varied(torch.tensor([[1, 1, 2, 0]]), max_fraction=0.75)
        True
        >>> is_varied(torch.tensor([[1, 1, 2, 0]]), max_fraction=0.5)
        False
    """
    counts = torch.bincount(classes.flatten())[1:]  # (classes,), without void
    return int((counts > 0).sum()) > 1 and int(counts.max()) <= max_fraction * int(counts.sum())


def _shifted_classes(target: Target) -> Tensor:
    """Returns (H, W) int64: class index + 1, 0 for void."""
    classes = label_map_of(target, void=-1) + 1  # bincount needs numbers from 0
    return classes if target.valid is None else classes * target.valid
