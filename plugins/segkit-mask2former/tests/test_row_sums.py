"""Weighted sums of rows and their gradients are those of a gather."""

import torch
from segkit_mask2former.row_sums import row_sum_gradients, weighted_row_sums


def test_sums_and_gradients_are_those_of_a_gather():
    """With rows that come twice in a sum, and others that come in none."""
    torch.manual_seed(0)
    rows = torch.randint(0, 6, (5, 7), dtype=torch.int32)
    table = torch.randn(9, 4, dtype=torch.float64, requires_grad=True)
    factors = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    found = weighted_row_sums(table, rows, factors)
    expected = (table[rows] * factors[..., None]).sum(1)
    torch.testing.assert_close(found, expected)
    scale = torch.randn_like(found)
    gradients = row_sum_gradients(table.detach(), rows, factors.detach(), scale)
    torch.testing.assert_close(gradients, torch.autograd.grad((expected * scale).sum(), [table, factors]))
