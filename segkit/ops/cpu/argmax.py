"""Which map is the largest at each pixel."""

import torch
from torch import Tensor

_STEEP = 1e38
"""Turns the difference of two unlike floats into one beyond any index."""
_SMALLEST = 1e-20
"""Of floats from here on, two unlike ones differ by at least 1e-28, and by `_STEEP` times that beyond any index."""


def largest_(maps: Tensor) -> tuple[Tensor, Tensor]:
    """(M,r,w) float -> the largest value (r,w) and its index (r,w) int64, as `maps.max(0)`; the first of equals.

    `maps` is used as scratch: what it holds afterwards means nothing.

    On a CPU argmax over the first dimension runs one value at a time. Four passes that do vectorize take a tenth of
    its time: the largest value, what is below it, the index plus a steep penalty on that, and the largest of these.
    """
    if maps.device.type == "cpu" and maps.dtype == torch.float32:
        best = maps.amax(0)
        smallest, largest = best.abs().aminmax()
        if smallest >= _SMALLEST and largest < torch.inf:  # nan is neither
            count = maps.shape[0]
            rank = torch.arange(count, 0, -1, dtype=torch.float32)[:, None, None]  # the first map ranks highest
            below = maps.sub_(best)
            ranked = torch.add(rank, below, alpha=_STEEP, out=below).amax(0)
            return best, (count - ranked).long()
    index = maps.argmax(0)
    return maps.gather(0, index[None])[0], index
