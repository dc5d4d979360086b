"""Boundaries of masks and of label maps, as Boundary IoU compares them (Cheng et al. 2021).

The boundary of a mask are those of its pixels that lie within some distance of a pixel outside the mask or of the
image's edge. Distances count rows and columns, whichever are more.
"""

import math

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import maximum_filter1d, minimum_filter1d
from torch import Tensor

from segkit.types import Size


def boundary_width(size: Size, dilation_ratio: float) -> int:
    """Returns the width in pixels of boundaries in an image: this fraction of its diagonal, at least 1.

    Example:
        >>> boundary_width((480, 640), 0.02)
        16
    """
    return max(1, round(dilation_ratio * math.hypot(*size)))


def near_other(values: npt.NDArray[np.integer], width: int) -> npt.NDArray[np.bool_]:
    """Returns where another value, or the edge, lies within `width` pixels: (H,W) bool.

    Args:
        values: (H,W), none below 0.
        width: In rows and in columns.

    Example:
        >>> near_other(np.array([[5] * 7] * 7), width=2).sum(0).tolist()
        [7, 7, 4, 4, 4, 7, 7]
    """
    # Separable: the extremes of a square are those along its columns of those along its rows. An int32 can hold -1.
    least = most = values.astype(np.int32, copy=False)
    for axis in (0, 1):
        least = minimum_filter1d(least, 2 * width + 1, axis, mode="constant", cval=-1)
        most = maximum_filter1d(most, 2 * width + 1, axis, mode="nearest")
    other: npt.NDArray[np.bool_] = least != most
    return other


def mask_boundaries(masks: Tensor, dilation_ratio: float) -> Tensor:
    """Returns the boundaries (N,H,W) bool of masks (N,H,W) bool, on the CPU.

    Args:
        masks: They may overlap.
        dilation_ratio: Width of the boundaries, as a fraction of the image's diagonal.

    Example:
        >>> mask_boundaries(torch.ones(1, 3, 4, dtype=torch.bool), 0.02).int().tolist()
        [[[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]]]
    """
    width = boundary_width((int(masks.shape[1]), int(masks.shape[2])), dilation_ratio)
    found = masks.cpu().numpy().copy()
    for mask in found:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if len(rows):
            # Behind the edge of the mask's box lie only pixels outside the mask.
            box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            box &= near_other(box, width)
    return torch.from_numpy(found)
