"""Whether two programs gave the same answer; if not, Unequal says by how much."""

import torch
from torch import Tensor

from benchmarking.case import Unequal

TOLERANCE = 1e-4


def require_close(what: str, ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    """The largest difference is at most `tolerance` of the largest value. Raises Unequal."""
    if ours.shape != theirs.shape:
        raise Unequal(f"{what}: segkit gives shape {tuple(ours.shape)}, the peer {tuple(theirs.shape)}")
    largest = float(theirs.abs().max()) if theirs.numel() else 0.0
    difference = float((ours.float() - theirs.float()).abs().max()) if theirs.numel() else 0.0
    if not difference <= tolerance * largest:  # nan is unequal too
        raise Unequal(
            f"{what}: they differ by up to {difference:.3g} where the largest value is {largest:.3g}; "
            f"at most {tolerance:g} of it is rounding"
        )


def require_as_near(what: str, ours: Tensor, theirs: Tensor, exact: Tensor) -> None:
    """`ours` strays from `exact` at most 1.5 times as far as `theirs` does, in the root mean square: for outputs of
    low precision, which differ by rounding. Raises Unequal."""
    own, other = (float((answer.float() - exact.float()).square().mean().sqrt()) for answer in (ours, theirs))
    if not own <= 1.5 * other:
        raise Unequal(f"{what}: segkit's rounding is {own:.3g}, the peer's {other:.3g}")


def require_same(what: str, ours: object, theirs: object) -> None:
    """Raises Unequal."""
    same = torch.equal(ours, theirs) if isinstance(ours, Tensor) and isinstance(theirs, Tensor) else ours == theirs
    if not same:
        raise Unequal(f"{what}: they are not the same")


def require_mostly_same(what: str, ours: Tensor, theirs: Tensor, share: float) -> None:
    """At least `share` of the values are equal. Raises Unequal."""
    if ours.shape != theirs.shape:
        raise Unequal(f"{what}: segkit gives shape {tuple(ours.shape)}, the peer {tuple(theirs.shape)}")
    equal = float((ours == theirs).float().mean())
    if equal < share:
        raise Unequal(f"{what}: {equal:.2%} of the pixels are the same; at least {share:.1%} must be")
