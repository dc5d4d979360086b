import torch

from segkit.results.filtering import filter_by_score
from segkit.types import InstanceResult


def test_instances_below_the_threshold_are_left_out():
    masks = torch.ones(3, 2, 2, dtype=torch.bool)
    result = InstanceResult(torch.tensor([0, 1, 2]), torch.tensor([0.9, 0.5, 0.4]), masks)

    kept = filter_by_score(result, 0.5)

    assert (kept.labels.tolist(), kept.masks.shape) == ([0, 1], (2, 2, 2))
