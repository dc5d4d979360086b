"""Results of large images, reduced to the size in which they are drawn."""

import numpy as np
import torch

from segkit.results.drawing import fitted_mask
from segkit.types import InstanceResult, LargeInstanceResult, PanopticResult, Result, SemanticResult

MOST_DRAWN = 256
"""Segments of a large image that are drawn: each needs a mask."""


def reduced(result: Result, size: tuple[int, int]) -> Result:
    """Returns a result at a smaller (width, height): of each pixel the nearest one, of segments the 256 largest ones.

    Of instances, those are the ones with the largest scores.

    Example:
        >>> label_map = torch.arange(4).expand(4, 4)
        >>> reduced(SemanticResult(label_map), (2, 1)).label_map.tolist()
        [[1, 3]]
    """
    if isinstance(result, SemanticResult):
        return SemanticResult(torch.from_numpy(fitted_mask(result.label_map.cpu().numpy(), size)))
    if isinstance(result, PanopticResult):
        segment_map = torch.from_numpy(fitted_mask(result.segment_map.cpu().numpy(), size))
        areas = segment_map.flatten().bincount(minlength=max((one.id for one in result.segments), default=0) + 1)
        areas[0] = 0  # pixels without segment
        largest = set(areas.argsort(descending=True)[:MOST_DRAWN].tolist())
        return PanopticResult(segment_map, [one for one in result.segments if one.id in largest and areas[one.id]])
    count = min(len(result.labels), MOST_DRAWN)
    masks = np.zeros((count, size[1], size[0]), dtype=np.bool_)
    for number in range(count):
        masks[number] = _instance(result, number, size)
    return InstanceResult(result.labels[:count].cpu(), result.scores[:count].cpu(), torch.from_numpy(masks))


def _instance(result: InstanceResult, number: int, size: tuple[int, int]) -> np.ndarray:
    if not isinstance(result, LargeInstanceResult):
        return fitted_mask(result.mask(number).cpu().numpy(), size)
    crop, (height, width) = result.crops[number], result.size
    rows = _places(height, size[1], crop.top, crop.height)
    columns = _places(width, size[0], crop.left, crop.width)
    mask = np.zeros(size[::-1], dtype=np.bool_)
    mask[np.ix_(rows[0], columns[0])] = crop.mask[np.ix_(rows[1], columns[1])]
    return mask


def _places(length: int, drawn: int, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the drawn rows or columns that show a crop, and those of the crop that they show, as `fitted_mask`."""
    nearest = ((np.arange(drawn) + 0.5) * length // drawn).astype(np.int64)
    seen = np.flatnonzero((nearest >= start) & (nearest < start + count))
    return seen, nearest[seen] - start
