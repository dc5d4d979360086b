"""Padding to a fixed size, so that every batch has it."""

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
    """Grows the image at the bottom and right; what is larger stays as large as it is.

    size: (height, width) in pixels.
    fill: RGB of the new pixels, 0..255, by default ImageNet's mean, which normalisation turns into zero. The truth
        there is void.
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
        target = None if sample.target is None else pad_target(sample.target, size)  # one without segments is falsy
        return replace(sample, image=image, target=target)
