"""Weighted sums of rows of a table, and their gradients computed fast on a CPU."""

import torch
from torch import Tensor
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
        return (table[rows.long()] * factors[..., None]).sum(1)  # ONNX gathers by int64 alone
    return embedding_bag(rows, table, per_sample_weights=factors, mode="sum")


def row_sum_gradients(table: Tensor, rows: Tensor, factors: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the gradients of the table (R,D) and of the factors (N,K) on a CPU.

    The sums are a product with a sparse matrix (N,R), and the gradient is one with its transpose: each row of the table
    gets a weighted sum of the gradients of the sums that it entered. So it is an `embedding_bag` too. Torch adds them
    up one by one instead. Ratio 0.5 for 86,016 sums of 48 rows of 32 numbers with both gradients.

    Args:
        table: As of `weighted_row_sums`, and so are `rows` and `factors`.
        rows: (N,K).
        factors: (N,K).
        gradient: Of the sums, (N,D).

    Example:
        >>> table, rows = torch.tensor([[1.0], [10.0]]), torch.tensor([[0, 1]])
        >>> row_sum_gradients(table, rows, torch.tensor([[3.0, 4.0]]), torch.ones(1, 1))
        (tensor([[3.],
                [4.]]), tensor([[ 1., 10.]]))
    """
    gradient = gradient.contiguous()
    ordered, order = rows.flatten().sort()  # the entries of the matrix, by rows of its transpose
    starts = torch.searchsorted(ordered, torch.arange(len(table), dtype=rows.dtype))
    weights = factors.flatten().index_select(0, order)  # an eighth of the time of an index in brackets
    by_table = embedding_bag(order // rows.shape[1], gradient, starts, per_sample_weights=weights, mode="sum")
    sums = torch.arange(len(rows), dtype=rows.dtype)
    by_factors = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        gradient, table, rows.flatten(), sums * rows.shape[1], sums.repeat_interleave(rows.shape[1]), 0
    )
    return by_table, by_factors.view_as(factors)
