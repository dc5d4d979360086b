"""Images of several sizes in one batch."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from segkit.types import Size


def padded_size(sizes: Sequence[Size], divisor: int) -> Size:
    """The least multiples of `divisor` that hold all of `sizes`."""
    height, width = max(size[0] for size in sizes), max(size[1] for size in sizes)
    return math.ceil(height / divisor) * divisor, math.ceil(width / divisor) * divisor


def stack_padded(images: Sequence[Tensor], size: Size) -> Tensor:
    """(3,h,w) uint8 each -> (B,3,H,W) uint8, grown at the bottom and right to `size` by zeros, channels last in
    memory, as images are decoded and convolutions are quickest."""
    batch = torch.zeros(len(images), *size, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    for padded, image in zip(batch, images, strict=True):
        padded[:, : image.shape[1], : image.shape[2]] = image
    return batch
