"""Sums and means that leave out what is not valid."""

from torch import Tensor


def mean_of_valid(values: Tensor, valid: Tensor | None) -> Tensor:
    """(M,P), (M,P) bool or None -> (M,): the mean over the valid entries of each row, 0 where none is."""
    if valid is None:
        return values.mean(1)
    return (values * valid).sum(1) / valid.sum(1).clamp(min=1)
