"""Repeat factor sampling: images of rare classes come more often (Gupta et al. 2019, LVIS, appendix B).

The factors may be fractions. An epoch draws each image as often as its factor says on average: systematic sampling
takes the images at equal distances along the sum of all factors, from a random offset on.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def repeat_factors(image_classes: Sequence[Iterable[int]], num_classes: int, threshold: float) -> list[float]:
    """Returns how often each image comes in an epoch, 1 or more.

    A class that is in the share f of the images has the factor max(1, sqrt(threshold / f)). An image has the largest
    factor of its classes; without classes, 1.

    Args:
        image_classes: For each image, the different class indices that it has.
        num_classes: Number of classes.
        threshold: The share of images below which a class is rare, above 0 and at most 1.

    Example:
        >>> repeat_factors([[0], [0], [0], [0, 1], []], num_classes=3, threshold=0.8)
        [1.0, 1.0, 1.0, 2.0, 1.0]
    """
    images = np.zeros(num_classes)
    for classes in image_classes:
        images[list(classes)] += 1
    fractions = np.maximum(images, 1) / max(1, len(image_classes))  # a class that is nowhere is in no image's maximum
    of_classes = np.maximum(1.0, np.sqrt(threshold / fractions))
    return [max((float(of_classes[index]) for index in classes), default=1.0) for classes in image_classes]


def epoch_length(factors: Sequence[float]) -> int:
    """Returns the number of images of an epoch: the sum of all factors, rounded up. So every image is drawn.

    Example:
        >>> epoch_length([1.0, 1.0, 1.5])
        4
    """
    return math.ceil(math.fsum(factors))


def drawn_images(factors: Sequence[float], offset: float) -> Tensor:
    """Returns the images of an epoch by index, ascending, each at least once.

    Args:
        factors: Of the images.
        offset: From 0 to below 1. If it is uniform, an image comes on average as often as its share of the sum of all
            factors says.

    Returns:
        (`epoch_length(factors)`,) int64.

    Example:
        >>> drawn_images([1.0, 1.5, 1.5], 0.0), drawn_images([1.0, 1.5, 1.5], 0.9)
        (tensor([0, 1, 1, 2]), tensor([0, 1, 2, 2]))
    """
    ends: NDArray[np.float64] = np.cumsum(factors)
    count = epoch_length(factors)
    places = (np.arange(count) + offset) * (ends[-1] / count)
    # Rounding could set the last place at the end of the last image.
    return torch.from_numpy(np.searchsorted(ends, places, side="right").clip(max=len(ends) - 1))
