"""Sine position encoding of the pixels of a map."""

import math

import torch
from torch import Tensor

TEMPERATURE = 10000.0
"""Ratio of the longest to the shortest wavelength, as in Vaswani et al. 2017, sec. 3.5."""


def sine_position_encoding(height: int, width: int, channels: int, device: torch.device | str = "cpu") -> Tensor:
    """Returns the two-dimensional sine encoding of DETR (Carion et al. 2020, appendix A.4).

    The first half of the channels encodes y, the second half x, each scaled to (0, 2 pi]. Within a half, the sine and
    the cosine of each frequency follow each other.

    Args:
        height: Of the map, in pixels.
        width: Of the map, in pixels.
        channels: A multiple of 4.
        device: Of the result.

    Returns:
        (height * width, channels) float32.

    Example:
        >>> sine_position_encoding(2, 3, channels=8).shape
        torch.Size([6, 8])
    """
    assert channels % 4 == 0, f"a sine position encoding needs a multiple of 4 channels, not {channels}"
    half = channels // 2
    index = torch.arange(half, device=device)
    # Sine and cosine share a frequency, hence // 2.
    frequency = TEMPERATURE ** (2 * (index // 2) / half)  # (C/2,)

    def encode(length: int) -> Tensor:
        # Counted from 1, and with DETR's 1e-6, so that converted weights get the same encoding.
        place = torch.arange(1, length + 1, device=device, dtype=torch.float32) / (length + 1e-6) * (2 * math.pi)
        angle = place[:, None] / frequency  # (length, C/2)
        return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=2).flatten(1)

    # Each axis is computed once and repeated along the other.
    y = encode(height)[:, None].expand(height, width, half)
    x = encode(width)[None].expand(height, width, half)
    return torch.cat([y, x], dim=2).flatten(0, 1)
