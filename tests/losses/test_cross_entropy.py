"""The class loss, computed by hand."""

import math

import pytest
import torch

from segkit.classes import Classes
from segkit.registries import LOSSES

CLASSES = Classes.make(["a", "b"])
NO_OBJECT = 2


def loss(**settings):
    return LOSSES.get("cross_entropy")(CLASSES, **settings)


def test_a_mean_weighted_by_class():
    """Probabilities 1/2, 1/4, 1/4 for both queries; the matched one counts 1, the unmatched one 0.1."""
    logits = torch.tensor([0.5, 0.25, 0.25]).log().expand(1, 2, 3)
    value = loss()(logits, torch.tensor([[0, NO_OBJECT]]))
    assert value.item() == pytest.approx((math.log(2) + 0.1 * math.log(4)) / 1.1)


def test_class_weights_go_by_name():
    logits = torch.tensor([0.5, 0.25, 0.25]).log().expand(1, 2, 3)
    value = loss(class_weights={"b": 3.0}, no_object_weight=1.0)(logits, torch.tensor([[1, 0]]))
    assert value.item() == pytest.approx((3 * math.log(4) + math.log(2)) / 4)


def test_all_images_of_a_batch_share_one_mean():
    """One matched query in the first, none in the second."""
    logits = torch.tensor([0.5, 0.25, 0.25]).log().expand(2, 1, 3)
    value = loss(no_object_weight=0.5)(logits, torch.tensor([[0], [NO_OBJECT]]))
    assert value.item() == pytest.approx((math.log(2) + 0.5 * math.log(4)) / 1.5)


def test_half_precision_logits_give_a_float32_loss():
    logits = torch.randn(1, 4, 3)
    value = loss()(logits.bfloat16(), torch.tensor([[0, 1, 2, 2]]))
    assert value.dtype == torch.float32


def test_weights_are_not_saved():
    assert list(loss().state_dict()) == []
