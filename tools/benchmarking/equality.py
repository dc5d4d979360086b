"""Checks that two outputs are equal; UnequalOutputs says by how much they differ."""

import torch
from torch import Tensor

from benchmarking.case import UnequalOutputs

TOLERANCE = 1e-4


def require_close(what: str, ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    """Raises UnequalOutputs if the largest difference exceeds the fraction `tolerance` of the largest value."""
    if ours.shape != theirs.shape:
        raise UnequalOutputs(f"{what}: the shape is {tuple(ours.shape)}, the peer's {tuple(theirs.shape)}")
    largest = float(theirs.abs().max()) if theirs.numel() else 0.0
    difference = float((ours.float() - theirs.float()).abs().max()) if theirs.numel() else 0.0
    if not difference <= tolerance * largest:  # nan is unequal too
        raise UnequalOutputs(
            f"{what}: the largest difference is {difference:.3g} and the largest value {largest:.3g}; "
            f"a fraction of {tolerance:g} is allowed for rounding"
        )


def require_as_near(what: str, ours: Tensor, theirs: Tensor, exact: Tensor) -> None:
    """Raises UnequalOutputs if the error of `ours` exceeds 1.5 times that of `theirs`, as root mean square to `exact`.

    For outputs in low precision, which differ by rounding.
    """
    own, other = (float((answer.float() - exact.float()).square().mean().sqrt()) for answer in (ours, theirs))
    if not own <= 1.5 * other:
        raise UnequalOutputs(f"{what}: segkit's rounding error is {own:.3g}, the peer's {other:.3g}")


def require_same(what: str, ours: object, theirs: object) -> None:
    """Raises UnequalOutputs if two values or tensors differ."""
    same = torch.equal(ours, theirs) if isinstance(ours, Tensor) and isinstance(theirs, Tensor) else ours == theirs
    if not same:
        raise UnequalOutputs(f"{what}: the values differ")


def require_mostly_same(what: str, ours: Tensor, theirs: Tensor, fraction: float) -> None:
    """Raises UnequalOutputs if less than `fraction` of the values are equal."""
    if ours.shape != theirs.shape:
        raise UnequalOutputs(f"{what}: the shape is {tuple(ours.shape)}, the peer's {tuple(theirs.shape)}")
    equal = float((ours == theirs).float().mean())
    if equal < fraction:
        raise UnequalOutputs(f"{what}: {equal:.2%} of the pixels are equal; {fraction:.1%} are required")
