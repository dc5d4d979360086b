"""Attention on a CPU is counted, forward and backward."""

import torch
from torch.nn.functional import scaled_dot_product_attention

from segkit.inspection.operation_count import counter


def test_attention_is_two_products_and_its_gradient_five():
    query = torch.ones(2, 3, 5, 8, requires_grad=True)
    memory = torch.ones(2, 3, 7, 8, requires_grad=True)
    product = 2 * (2 * 3 * 5 * 7 * 8)
    with counter() as count:
        attended = scaled_dot_product_attention(query, memory, memory)
    assert count.get_total_flops() == 2 * product
    with counter() as count:
        attended.sum().backward()
    assert count.get_total_flops() == 5 * product
