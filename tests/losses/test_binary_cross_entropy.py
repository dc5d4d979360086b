"""Binary cross entropy of masks, computed by hand and against torch's."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from segkit.registries import LOSSES


def loss(logits, targets, valid=None):
    return LOSSES.get("binary_cross_entropy")()(torch.tensor(logits), torch.tensor(targets), valid).tolist()


def logit(probability):
    return math.log(probability / (1 - probability))


def test_the_mean_over_pixels():
    inside, outside = -math.log(0.8), -math.log(1 - 0.7)
    assert loss([[logit(0.8), logit(0.7)]], [[1.0, 0.0]]) == [pytest.approx((inside + outside) / 2)]


def test_value_and_gradient_are_those_of_torch():
    torch.manual_seed(0)
    logits, targets = torch.randn(3, 70) * 6, (torch.rand(3, 70) > 0.5).float()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    values = LOSSES.get("binary_cross_entropy")()(ours, targets, None)
    expected = binary_cross_entropy_with_logits(theirs, targets, reduction="none").mean(1)
    torch.testing.assert_close(values, expected)
    factors = torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(
        torch.autograd.grad(values @ factors, ours), torch.autograd.grad(expected @ factors, theirs)
    )


def test_pixels_that_are_not_valid_do_not_count():
    assert loss([[0.0, 100.0]], [[1.0, 0.0]], torch.tensor([[True, False]])) == loss([[0.0]], [[1.0]])


def test_the_loss_is_zero_without_pixels_that_count():
    assert loss([[3.0, 100.0]], [[1.0, 0.0]], torch.tensor([[False, False]])) == [0.0]


@pytest.mark.parametrize("void", [False, True])
def test_the_derivative_is_that_of_the_value(void):
    generator = torch.Generator().manual_seed(0)
    logits = (torch.randn(2, 20, generator=generator, dtype=torch.float64) * 3).requires_grad_()
    targets = (torch.rand(2, 20, generator=generator) > 0.5).double()
    valid = torch.rand(2, 20, generator=generator) > 0.3 if void else None
    function = LOSSES.get("binary_cross_entropy")()
    assert torch.autograd.gradcheck(lambda logits: function(logits, targets, valid), logits)


def test_extreme_logits_cost_what_they_are_wrong_by():
    assert loss([[1e4], [-1e4], [1e4]], [[0.0], [1.0], [1.0]]) == [1e4, 1e4, 0.0]
