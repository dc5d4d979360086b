"""Images that were encoded anew or resized: near-duplicates, told by a difference hash."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

_SIZE = (8, 9)
"""Height and width of a thumbnail: its rows have 8 neighbors, 64 bits of hash together."""

_RISE = 3
"""Levels of a rise that counts: in skies and other even areas, the sign of a smaller one is chance."""

_MOST_BITS = 5
"""Of the hash that may differ. Copies of photographs at JPEG quality 30 or half their size differ by up to 4."""

_MOST_LEVELS = 8
"""By which brightness may differ anywhere in the thumbnails: up to 7 in such copies, 49 and more in other images.
Where there is little contrast, an eighth of it."""

_LEAST_CONTRAST = 16
"""Levels between the darkest and the brightest part. Images of one tone are all alike."""

_AT_A_TIME = 64
"""Images that are compared with all others at a time, which bounds the memory."""


def thumbnail(image: Tensor) -> bytes:
    """Returns the mean brightness of 8 x 9 parts of an image.

    Args:
        image: (C,H,W) uint8, or uint16, whose values are divided by 257.

    Example:
        >>> len(thumbnail(torch.zeros(3, 20, 30, dtype=torch.uint8)))
        72
    """
    means = adaptive_avg_pool2d(image.float(), _SIZE).mean(0)
    if image.dtype != torch.uint8:
        means /= 257
    return means.round().to(torch.uint8).numpy().tobytes()


def near_duplicates(first: Sequence[bytes], second: Sequence[bytes]) -> list[tuple[int, int]]:
    """Returns the places of images of `second` that show one of `first`, and of the nearest one there.

    Their difference hashes (dHash), which say where brightness rises from left to right, differ by at most 5 of 64
    bits, and no part of their thumbnails by more than 8 levels or an eighth of the contrast. Images of one tone are
    left out.

    Args:
        first: Thumbnails.
        second: Thumbnails.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> images = [sample.image for sample in Shapes(length=3)]
        >>> near_duplicates(list(map(thumbnail, images)), [thumbnail(images[2] // 2 * 2)])
        [(0, 2)]
    """
    if not first or not second:
        return []
    ours, theirs = _array(first), _array(second)
    signs = _signs(ours)
    found = []
    for start in range(0, len(theirs), _AT_A_TIME):
        part = theirs[start : start + _AT_A_TIME]
        # Of signs, the product counts equal bits less different ones.
        bits = (signs.shape[1] - _signs(part) @ signs.T) / 2
        for place, near in enumerate(bits <= _MOST_BITS):
            candidates = np.flatnonzero(near)
            levels = np.abs(ours[candidates] - part[place]).max((1, 2))
            contrast = np.ptp(part[place])
            if contrast >= _LEAST_CONTRAST and (levels <= min(_MOST_LEVELS, contrast / _MOST_LEVELS)).any():
                found.append((start + place, int(candidates[levels.argmin()])))
    return found


def _array(thumbnails: Sequence[bytes]) -> npt.NDArray[np.int16]:
    return np.frombuffer(b"".join(thumbnails), dtype=np.uint8).reshape(-1, *_SIZE).astype(np.int16)


def _signs(thumbnails: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """Returns the hash of each thumbnail, (N, 64): 1 where brightness rises to the right, else -1."""
    rises = (np.diff(thumbnails, axis=2) > _RISE).reshape(len(thumbnails), -1)
    return np.where(rises, np.float32(1), np.float32(-1))
