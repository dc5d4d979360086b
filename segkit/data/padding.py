"""Images of several sizes in one tensor."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from segkit.types import Size


def padded_size(sizes: Sequence[Size], divisor: int) -> Size:
    """Returns the smallest (height, width) that holds all `sizes` and whose sides are multiples of `divisor`.

    Example:
        >>> padded_size([(33, 10), (20, 65)], 32)
        (64, 96)
    """
    height, width = max(size[0] for size in sizes), max(size[1] for size in sizes)
    return math.ceil(height / divisor) * divisor, math.ceil(width / divisor) * divisor


def stack_padded(images: Sequence[Tensor], size: Size) -> Tensor:
    """Pads images (C, h, w) with zeros at the bottom and right, and stacks them to (B, C, H, W) of the same type.

    Example:
        >>> stack_padded([torch.ones(3, 2, 1, dtype=torch.uint8)], (2, 2))[0, 0].tolist()
        [[1, 0], [1, 0]]
    """
    # Channels lie last in memory, as decoders write them: convolutions are fastest so.
    channels, dtype = images[0].shape[0], images[0].dtype
    batch = torch.zeros(len(images), *size, channels, dtype=dtype).permute(0, 3, 1, 2)  # (B, C, H, W)
    for padded, image in zip(batch, images, strict=True):
        padded[:, : image.shape[1], : image.shape[2]] = image
    return batch
