"""Dice loss, computed by hand."""

import pytest
import torch

from segkit.registries import LOSSES

CERTAIN = 50.0


def dice(logits, targets, valid=None):
    return LOSSES.get("dice")()(torch.tensor(logits), torch.tensor(targets), valid).tolist()


def test_a_perfect_mask_costs_nothing():
    assert dice([[CERTAIN, -CERTAIN, CERTAIN]], [[1.0, 0.0, 1.0]]) == [0.0]


def test_half_an_overlap():
    """Two pixels predicted, two in the segment, one in both: 1 - (2 * 1 + 1) / (2 + 2 + 1)."""
    assert dice([[CERTAIN, CERTAIN, -CERTAIN]], [[0.0, 1.0, 1.0]]) == [pytest.approx(1 - 3 / 5)]


def test_probabilities_count_as_areas():
    """Probability 1/2 on two pixels, one of them in the segment: 1 - (2 * 0.5 + 1) / (1 + 1 + 1)."""
    assert dice([[0.0, 0.0]], [[1.0, 0.0]]) == [pytest.approx(1 / 3)]


def test_pixels_that_are_not_valid_do_not_count():
    valid = torch.tensor([[True, True, False]])
    assert dice([[CERTAIN, -CERTAIN, CERTAIN]], [[1.0, 0.0, 0.0]], valid) == [0.0]


def test_one_value_per_mask():
    assert dice([[CERTAIN], [-CERTAIN]], [[1.0], [1.0]]) == [0.0, pytest.approx(1 / 2)]


def test_an_empty_mask_of_an_empty_segment_costs_nothing():
    assert dice([[-CERTAIN, -CERTAIN]], [[0.0, 0.0]]) == [0.0]


@pytest.mark.parametrize("void", [False, True])
def test_the_derivative_is_that_of_the_value(void):
    generator = torch.Generator().manual_seed(0)
    logits = (torch.randn(2, 20, generator=generator, dtype=torch.float64) * 3).requires_grad_()
    targets = (torch.rand(2, 20, generator=generator) > 0.5).double()
    valid = torch.rand(2, 20, generator=generator) > 0.3 if void else None
    loss = LOSSES.get("dice")()
    assert torch.autograd.gradcheck(lambda logits: loss(logits, targets, valid), logits)
