"""Targets drawn over their images."""

from __future__ import annotations

from PIL import Image
from torch import Tensor

from segkit.classes import Classes
from segkit.results.instance_colors import color_apart
from segkit.results.overlay import draw_regions, overlay
from segkit.results.regions import instances_stand_out, regions_of
from segkit.results.targets import target_result
from segkit.types import Sample, Target


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


def transformed_overlays(before: Sample, after: Sample, classes: Classes) -> tuple[Image.Image, Image.Image]:
    """Draws the target of a sample, and what transforms made of it; each segment has the same color in both.

    Transforms keep the order of the segments. Where one has removed some, the colors are chosen anew.

    Args:
        before: With a target.
        after: With the target of the same image.
        classes: Of both.

    Example:
        >>> from segkit.datasets.shapes import Shapes
        >>> dataset = Shapes(size=(300, 400))
        >>> [one.width for one in transformed_overlays(dataset[0], dataset[0], dataset.classes)]
        [400, 400]
    """
    assert before.target is not None, f"{before.file}: a dataset must give each sample a target"
    assert after.target is not None, f"{after.file}: the transforms have removed the target"
    results = [target_result(one, classes, "panoptic") for one in (before.target, after.target)]
    first, second = (regions_of(result, classes) for result in results)
    color_apart(first)
    same = before.target.labels.tolist() == after.target.labels.tolist()
    color_of = {region.segment: region.color for region in first} if same else {}
    color_apart(second, {place: color_of[one.segment] for place, one in enumerate(second) if one.segment in color_of})
    quiet = instances_stand_out(results[0], classes)
    return (
        draw_regions(before.image, first, classes, quiet),
        draw_regions(after.image, second, classes, quiet),
    )
