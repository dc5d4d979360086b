"""Targets drawn over their images."""

from PIL import Image
from torch import Tensor

from segkit.classes import Classes
from segkit.results.overlay import overlay
from segkit.results.targets import target_result
from segkit.types import Target


def target_overlay(image: Tensor, target: Target, classes: Classes) -> Image.Image:
    """Draws all segments of a target over its image, with a legend; see `segkit.results.overlay.overlay`.

    Args:
        image: (C,H,W), of any pixel format.
        target: Of the same size. Where its masks overlap, the last one lies on top.
        classes: Of the target.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> dataset = Shapes(size=(300, 400))
        >>> target_overlay(dataset[0].image, dataset[0].target, dataset.classes).width
        400
    """
    return overlay(image, target_result(target, classes, "panoptic"), classes)
