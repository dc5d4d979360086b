"""Focal loss, computed by hand."""

import math

import pytest
import torch

from segkit.registries import LOSSES


def focal(logits, targets, valid=None, **settings):
    return LOSSES.get("focal")(**settings)(torch.tensor(logits), torch.tensor(targets), valid).tolist()


def logit(probability):
    return math.log(probability / (1 - probability))


def test_an_undecided_pixel():
    """Probability 1/2: alpha * (1/2)^2 * log 2 inside, (1 - alpha) * (1/2)^2 * log 2 outside."""
    assert focal([[0.0]], [[1.0]]) == [pytest.approx(0.25 * 0.25 * math.log(2))]
    assert focal([[0.0]], [[0.0]]) == [pytest.approx(0.75 * 0.25 * math.log(2))]


def test_the_mean_over_pixels():
    inside = 0.25 * (1 - 0.8) ** 2 * -math.log(0.8)
    outside = 0.75 * 0.8**2 * -math.log(1 - 0.8)
    assert focal([[logit(0.8), logit(0.8)]], [[1.0, 0.0]]) == [pytest.approx((inside + outside) / 2)]


def test_gamma_zero_is_weighted_cross_entropy():
    logits, targets = torch.randn(3, 7), (torch.rand(3, 7) > 0.5).float()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(1) / 2
    torch.testing.assert_close(LOSSES.get("focal")(alpha=0.5, gamma=0.0)(logits, targets, None), expected)


def test_pixels_that_are_not_valid_do_not_count():
    valid = torch.tensor([[True, False]])
    assert focal([[0.0, 100.0]], [[1.0, 0.0]], valid) == focal([[0.0]], [[1.0]])


def test_the_loss_is_zero_without_pixels_that_count():
    assert focal([[3.0, 100.0]], [[1.0, 0.0]], torch.tensor([[False, False]])) == [0.0]


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("alpha", [0.25, 0.0, 1.0])
def test_the_derivative_is_that_of_the_value(alpha, gamma, void):
    generator = torch.Generator().manual_seed(0)
    logits = (torch.randn(2, 20, generator=generator, dtype=torch.float64) * 3).requires_grad_()
    targets = (torch.rand(2, 20, generator=generator) > 0.5).double()
    valid = torch.rand(2, 20, generator=generator) > 0.3 if void else None
    loss = LOSSES.get("focal")(alpha=alpha, gamma=gamma)
    assert torch.autograd.gradcheck(lambda logits: loss(logits, targets, valid), logits)


def test_extreme_logits_stay_finite():
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    value = LOSSES.get("focal")()(logits, torch.tensor([[0.0, 1.0]]), None)
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert torch.isfinite(logits.grad).all()
