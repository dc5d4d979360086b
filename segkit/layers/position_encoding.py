"""Sine position encoding of a map's pixels."""

import math

import torch
from torch import Tensor

TEMPERATURE = 10000.0


def sine_position_encoding(height: int, width: int, channels: int, device: torch.device | str = "cpu") -> Tensor:
    """(height * width, channels) float32: the two-dimensional sine encoding of DETR (Carion et al. 2020, appendix A.4).

    Half of the channels encode y, the other half x, each pixel's place being scaled to (0, 2 pi]; within a half, sine
    and cosine of one frequency alternate. `channels` must be a multiple of 4.
    """
    assert channels % 4 == 0, f"a sine position encoding needs a multiple of 4 channels, not {channels}"
    half = channels // 2
    index = torch.arange(half, device=device)
    frequency = TEMPERATURE ** (2 * (index // 2) / half)  # (C/2,)

    def encode(length: int) -> Tensor:
        place = torch.arange(1, length + 1, device=device, dtype=torch.float32) / (length + 1e-6) * (2 * math.pi)
        angle = place[:, None] / frequency  # (length, C/2)
        return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=2).flatten(1)

    y = encode(height)[:, None].expand(height, width, half)
    x = encode(width)[None].expand(height, width, half)
    return torch.cat([y, x], dim=2).flatten(0, 1)
