"""What all checks share: names in error messages, reproducible random numbers, comparison of tensors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from segkit.classes import Classes
from segkit.errors import SegkitError

CLASSES = Classes.make(["cat", "sky", "dog", "sea"], things=[True, False, True, False])
"""The classes that parts are built for."""

TOLERANCE = 1e-4
"""Absolute and relative tolerance between two results that should be equal: other batch sizes round differently."""


def named(kind: str, part: object) -> str:
    """Returns the kind and the name of the class or function: `backbone Tiny`."""
    return f"{kind} {getattr(part, '__name__', type(part).__name__)}"


def refuse_built(kind: str, make: object) -> None:
    """Checks that `make` builds a part, and is none: a built module is callable too."""
    builds = callable(make) and not isinstance(make, nn.Module | torch.optim.Optimizer)
    # Other parts can be callable: functions and classes have a name, as most partial functions' functions do.
    builds = builds and (hasattr(make, "__name__") or isinstance(make, partial))
    assert builds, (
        f"{named(kind, make)} is built already. Pass the class or a function that builds it, not a built part."
    )


@contextmanager
def seeded() -> Iterator[None]:
    """Seeds torch's generator, and restores the caller's state afterwards. Also a decorator."""
    with torch.random.fork_rng(devices=[]):  # the CPU's generator only: parts are checked there
        torch.manual_seed(0)
        yield


@contextmanager
def trying(who: str, situation: str) -> Iterator[None]:
    """Turns any exception of a part into an AssertionError that names the part and the situation."""
    try:
        yield
    except Exception as error:
        cause = " ".join(str(error).split())[:200]  # one line: torch's messages can fill a screen
        raise AssertionError(f"{who} fails {situation}: {type(error).__name__}: {cause}") from error


def refuses(who: str, situation: str, call: Callable[[], object]) -> bool:
    """Returns whether `call` raises a SegkitError, the way in which a part declines an input."""
    with trying(who, situation):
        try:
            call()
        except SegkitError:
            return True
    return False


def difference(one: Tensor, other: Tensor) -> float:
    """Returns the largest absolute difference: 0 within the tolerance, infinite where shapes differ."""
    if one.shape != other.shape:
        return float("inf")
    one, other = one.detach().double(), other.detach().double()  # bool and int tensors compare too
    if torch.allclose(one, other, atol=TOLERANCE, rtol=TOLERANCE, equal_nan=True):
        return 0.0
    return float((one - other).abs().max())


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """Returns the shape as a tuple, which reads better than torch.Size."""
    return tuple(tensor.shape)


def check_tensor(
    subject: str, name: str, tensor: Tensor, shape: tuple[int, ...], types: tuple[torch.dtype, ...]
) -> None:
    """Checks shape and type of a tensor.

    Args:
        subject: The beginning of the error message: `dataset Mine returns for item 0`.
        name: What the tensor is called.
        tensor: The tensor.
        shape: The shape it must have.
        types: The types it may have.
    """
    good = isinstance(tensor, Tensor) and tensor.dtype in types and shape_of(tensor) == shape
    assert good, f"{subject} {name} {described(tensor)}. The contract asks for {shape} of {_listed(types)}."


def described(value: object) -> str:
    """Returns shape and type of a tensor, `(3, 4) of float32`, or the repr of another value, `= None`."""
    return f"{shape_of(value)} of {_short(value.dtype)}" if isinstance(value, Tensor) else f"= {value!r}"


def _listed(types: tuple[torch.dtype, ...]) -> str:
    return " or ".join(map(_short, types))


def _short(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")
