"""Images of any channels and type as what people can look at."""

import torch
from torch import Tensor

from segkit.types import RGB

_SHOWN = (0.02, 0.98)
"""Quantiles of the values of a channel that become black and full color: a few extremes would hide the rest."""

_SAMPLED = 1 << 20
"""Pixels that quantiles are taken of."""


def displayed(image: Tensor) -> Tensor:
    """Returns an image (C,H,W) as (3,H,W) uint8 RGB.

    RGB of 8 bits stays as it is. Of other images, the first three channels are red, green and blue, or the first alone
    is gray where there are fewer. Each is stretched, so that its values from the 2nd to the 98th percentile are seen.

    Example:
        >>> displayed(torch.tensor([[[100, 30000, 60000]]], dtype=torch.uint16))[:, 0].tolist()
        [[0, 127, 255], [0, 127, 255], [0, 127, 255]]
    """
    if RGB.fits(image):
        return image
    channels = image[:3] if len(image) >= 3 else image[:1].expand(3, -1, -1)
    values = channels.float()  # (3, H, W)
    step = max(1, values[0].numel() // _SAMPLED)
    low, high = values.flatten(1)[:, ::step].quantile(torch.tensor(_SHOWN, device=values.device), dim=1)
    scale = 255 / (high - low).clamp(min=1)
    stretched: Tensor = (values - low[:, None, None]) * scale[:, None, None]
    return stretched.round().clamp(0, 255).to(torch.uint8)
