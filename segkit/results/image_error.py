"""How wrong the result of one image is, to find the images that are worth looking at."""

from __future__ import annotations

from dataclasses import replace

import torch

from segkit.classes import Classes
from segkit.ops.targets import select_segments
from segkit.results.matching import match_regions
from segkit.results.regions import Region, regions_of
from segkit.results.targets import target_result, task_of
from segkit.types import Result, SemanticResult, Target

MIN_SCORE = 0.5
"""Instances with a lower score are neither drawn nor counted: evaluation ranks them all, and they would cover
everything else."""


def image_error(prediction: Result, target: Target, classes: Classes) -> float:
    """Returns the error of one image, in [0, 1].

    For a semantic result, it is the fraction of the known pixels that have another class. For all others, it is 1 minus
    the panoptic quality of the image, over all classes together: each segment that was not found, and each that is not
    there, counts as half an error. Void pixels and crowds count neither way.

    Args:
        prediction: The result.
        target: Of the same size.
        classes: Of both.

    Example:
        >>> target = Target(torch.tensor([0]), segment_map=torch.tensor([[0, 0, -1]], dtype=torch.int32))
        >>> image_error(SemanticResult(torch.tensor([[0, 1, 1]])), target, Classes.make(["sky", "sea"]))
        0.5
    """
    if isinstance(prediction, SemanticResult):
        expected = target_result(target, classes, "semantic")
        assert isinstance(expected, SemanticResult), "a target is made to a result of the task"
        target_map = expected.label_map.cpu()
        known = target_map < len(classes)  # void has the index K
        wrong = (prediction.label_map.cpu() != target_map) & known
        return float(wrong.sum() / known.sum().clamp(min=1))
    known = torch.ones(target.size, dtype=torch.bool) if target.valid is None else target.valid.cpu()
    if target.is_crowd is not None:
        crowds = target.is_crowd.nonzero()[:, 0]
        known = known & ~target.masks_of(crowds).any(0).cpu()
        target = select_segments(target, ~target.is_crowd)
    found = [region for region in regions_of(prediction, classes) if region.score is None or region.score >= MIN_SCORE]
    inside = [replace(region, mask=region.mask & known.numpy()) for region in found]
    # What lies mostly on unknown pixels may be right.
    counted = [part for part, region in zip(inside, found, strict=True) if 2 * part.area >= region.area]
    return _one_minus_quality(counted, regions_of(target_result(target, classes, task_of(prediction)), classes))


def _one_minus_quality(predictions: list[Region], targets: list[Region]) -> float:
    regions = len(predictions) + len(targets)
    if regions == 0:
        return 0.0
    return 1 - 2 * sum(match.iou for match in match_regions(predictions, targets)) / regions
