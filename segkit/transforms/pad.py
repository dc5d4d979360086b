"""Padding to a fixed size, so that every batch has it."""

from dataclasses import replace

import torch

from segkit.registries import TRANSFORMS
from segkit.types import Sample


@TRANSFORMS.register("pad")
class Pad:
    """Grows the picture at the bottom and right to `size` (height, width); what is larger stays as large as it is.

    fill: RGB of the new pixels, 0..255, by default ImageNet's mean, which normalisation turns into zero. The truth
        there is void.
    """

    def __init__(self, *, size: tuple[int, int], fill: tuple[int, int, int] = (124, 116, 104)) -> None:
        self.size = size
        self.fill = fill

    def __call__(self, sample: Sample) -> Sample:
        height, width = sample.size
        size = (max(self.size[0], height), max(self.size[1], width))
        if size == sample.size:
            return sample
        picture = torch.tensor(self.fill, dtype=torch.uint8)[:, None, None].repeat(1, *size)  # (3, H, W)
        picture[:, :height, :width] = sample.picture
        return replace(sample, picture=picture, target=sample.target and sample.target.padded(size))
