"""Leaving out instances by their score."""

from dataclasses import replace

from segkit.types import InstanceResult


def filter_by_score(result: InstanceResult, threshold: float) -> InstanceResult:
    """Returns the instances that score at least `threshold`.

    Example:
        >>> import torch
        >>> masks = torch.ones(2, 4, 4, dtype=torch.bool)
        >>> result = InstanceResult(torch.tensor([3, 5]), torch.tensor([0.9, 0.2]), masks)
        >>> filter_by_score(result, 0.5).labels
        tensor([3])
    """
    kept = result.scores >= threshold
    return replace(result, labels=result.labels[kept], scores=result.scores[kept], masks=result.masks[kept])
