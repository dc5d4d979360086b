"""The error of one image."""

import pytest
import torch

from segkit.classes import Classes
from segkit.results.image_error import image_error
from segkit.results.targets import target_result
from segkit.types import InstanceResult, PanopticResult, PanopticSegment, SemanticResult, Target

CLASSES = Classes.make(["sky", "car"], things=[False, True])


def halves(crowd=(False, False), valid=None):
    """The left half is sky, the right half a car."""
    segment_map = torch.tensor([[0, 0, 1, 1]] * 4, dtype=torch.int32)
    return Target(torch.tensor([0, 1]), segment_map, is_crowd=torch.tensor(crowd), valid=valid)


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_the_target_itself_has_no_error(task):
    assert image_error(target_result(halves(), CLASSES, task), halves(), CLASSES) == 0


def test_the_semantic_error_is_the_fraction_of_wrong_known_pixels():
    valid = torch.ones(4, 4, dtype=torch.bool)
    valid[:, 3] = False
    result = SemanticResult(torch.zeros(4, 4, dtype=torch.int64))
    assert image_error(result, halves(), CLASSES) == 0.5
    assert image_error(result, halves(valid=valid), CLASSES) == pytest.approx(1 / 3)
    assert image_error(result, halves(valid=torch.zeros(4, 4, dtype=torch.bool)), CLASSES) == 0


def test_the_panoptic_error_is_one_minus_the_quality_of_all_segments():
    sky = PanopticResult(torch.tensor([[1, 1, 1, 0]] * 4, dtype=torch.int32), [PanopticSegment(1, 0, False, 0.9)])
    # One match with an IoU of 2/3 among one segment found and two to be found.
    assert image_error(sky, halves(), CLASSES) == pytest.approx(1 - 2 * (2 / 3) / 3)
    nothing = PanopticResult(torch.zeros(4, 4, dtype=torch.int32), [])
    assert image_error(nothing, halves(), CLASSES) == 1


def test_instances_below_half_a_score_crowds_and_void_do_not_count():
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[:, :, 2:] = True
    surely, hardly = torch.tensor([1, 1]), torch.tensor([0.9, 0.3])
    assert image_error(InstanceResult(surely, hardly, masks), halves(), CLASSES) == 0
    twice = InstanceResult(surely, torch.tensor([0.9, 0.8]), masks)
    assert image_error(twice, halves(), CLASSES) == pytest.approx(1 / 3)
    assert image_error(twice, halves(crowd=(False, True)), CLASSES) == 0
    valid = torch.tensor([[True, True, False, False]] * 4)
    none = Target(torch.tensor([0]), torch.tensor([[0, 0, -1, -1]] * 4, dtype=torch.int32), valid=valid)
    assert image_error(twice, none, CLASSES) == 0
