"""The transform `pad`."""

from dataclasses import replace
from typing import Annotated

import torch

from segkit.ops.targets import pad_target
from segkit.registries import TRANSFORMS
from segkit.registries.signature import Bounds, Positive
from segkit.types import Sample

Byte = Annotated[int, Bounds(least=0, most=255)]


@TRANSFORMS.register("pad")
class Pad:
    """Pads the image at the bottom and right to a fixed size.

    Larger images keep their size. In evaluation and prediction, the new pixels are padding: results do not have them.

    Args:
        size: (height, width) in pixels.
        fill: RGB of the new pixels, 0..255. The default is ImageNet's mean, which normalization turns into zero. The
            target is void there.

    Example:
        >>> import torch
        >>> from segkit.types import Sample
        >>> sample = Sample(torch.zeros(3, 40, 60, dtype=torch.uint8), None, "a.png", 0)
        >>> Pad(size=(50, 50))(sample).size
        (50, 60)
    """

    def __init__(self, *, size: tuple[Positive, Positive], fill: tuple[Byte, Byte, Byte] = (124, 116, 104)) -> None:
        self.size = size
        self.fill = fill

    def __call__(self, sample: Sample) -> Sample:
        height, width = sample.size
        size = (max(self.size[0], height), max(self.size[1], width))
        if size == sample.size:
            return sample
        image = torch.tensor(self.fill, dtype=torch.uint8)[:, None, None].repeat(1, *size)  # (3, H, W)
        image[:, :height, :width] = sample.image
        if sample.target is None:  # an evaluation: the result is to have the size before
            return replace(sample, image=image, content=sample.content or sample.size)
        return replace(sample, image=image, target=pad_target(sample.target, size))
