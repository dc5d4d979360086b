"""Weighted sums of rows of a table, with a fast backward pass on a CPU."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding_bag


def weighted_row_sums(table: Tensor, rows: Tensor, factors: Tensor) -> Tensor:
    """Computes the sum over K of `factors * table[rows]`, without storing the rows.

    Args:
        table: (R,D).
        rows: (N,K) int32 or int64.
        factors: (N,K), of the table's type.

    Returns:
        (N,D).

    Example:
        >>> table, rows = torch.tensor([[1.0], [10.0]]), torch.tensor([[0, 1], [1, 1]])
        >>> weighted_row_sums(table, rows, torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [[21.0], [70.0]]
    """
    if torch.compiler.is_exporting():  # other programs gather and add; they have no embedding_bag of this kind
        return (table[rows] * factors[..., None]).sum(1)
    if table.device.type == "cpu":
        sums: Tensor = RowSums.apply(table, rows, factors)
        return sums
    return embedding_bag(rows, table, per_sample_weights=factors, mode="sum")


class RowSums(torch.autograd.Function):
    """`embedding_bag`, whose gradient by the table is an `embedding_bag` too.

    The sums are a product with a sparse matrix (N,R), and the gradient is one with its transpose: each row of the table
    gets a weighted sum of the gradients of the sums that it entered. Torch adds them up one by one instead, on a CPU.
    Ratio 0.5 for 86,016 sums of 48 rows of 32 numbers with both gradients.
    """

    @staticmethod
    def forward(table: Tensor, rows: Tensor, factors: Tensor) -> Tensor:
        return embedding_bag(rows, table, per_sample_weights=factors, mode="sum")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, Tensor]:
        table, rows, factors = ctx.saved_tensors
        gradient = gradient.contiguous()
        ordered, order = rows.flatten().sort()  # the entries of the matrix, by rows of its transpose
        starts = torch.searchsorted(ordered, torch.arange(len(table), dtype=rows.dtype))
        weights = factors.flatten().index_select(0, order)  # an eighth of the time of an index in brackets
        by_table = embedding_bag(order // rows.shape[1], gradient, starts, per_sample_weights=weights, mode="sum")
        sums = torch.arange(len(rows), dtype=rows.dtype)
        by_factors = torch.ops.aten._embedding_bag_per_sample_weights_backward(
            gradient, table, rows.flatten(), sums * rows.shape[1], sums.repeat_interleave(rows.shape[1]), 0
        )
        return by_table, None, by_factors.view_as(factors)
