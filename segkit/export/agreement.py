"""How far two results of one image agree: the fraction of pixels."""

import torch
from torch import Tensor

from segkit.types import InstanceResult, PanopticResult, Result, SemanticResult


def agreement(one: Result, other: Result) -> float:
    """Returns the fraction of pixels on which two results of one task agree; for instances, that of mask pixels.

    Instances are paired by class and mask, so that an exchanged order of two equal scores does not matter. Segments of
    panoptic results agree where their classes and their pixels do.

    Example:
        >>> agreement(SemanticResult(torch.tensor([[0, 1]])), SemanticResult(torch.tensor([[0, 2]])))
        0.5
    """
    if isinstance(one, SemanticResult) and isinstance(other, SemanticResult):
        return _equal(one.label_map, other.label_map)
    if isinstance(one, PanopticResult) and isinstance(other, PanopticResult):
        return _equal(_class_and_segment(one), _class_and_segment(other))
    assert isinstance(one, InstanceResult), "there are three kinds of results"
    assert isinstance(other, InstanceResult), "both results are of one task"
    return _of_instances(one, other)


def _equal(one: Tensor, other: Tensor) -> float:
    return float((one == other).float().mean())


def _class_and_segment(result: PanopticResult) -> Tensor:
    """Returns (H,W) numbers that tell class and segment."""
    labels = torch.tensor([0, *(segment.label + 1 for segment in result.segments)])
    return result.segment_map * (int(labels.max()) + 1) + labels[result.segment_map.long()]


def _of_instances(one: InstanceResult, other: InstanceResult) -> float:
    """Returns the shared pixels of paired instances, as a fraction of the pixels of all instances of both results."""
    mine, yours = one.masks.flatten(1).float(), other.masks.flatten(1).float()
    total = float(mine.sum() + yours.sum())
    if total == 0:
        return 1.0
    if len(mine) == 0 or len(yours) == 0:
        return 0.0
    shared = mine @ yours.t()
    unions = mine.sum(1)[:, None] + yours.sum(1) - shared
    ious = torch.where(one.labels[:, None] == other.labels, shared / unions.clamp(min=1), 0.0)
    best = ious.argmax(1, keepdim=True)
    pixels = shared.gather(1, best)[ious.gather(1, best) > 0].sum()
    return min(1.0, 2 * float(pixels) / total)
