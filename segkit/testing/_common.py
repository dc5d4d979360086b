"""What all checks share: how a complaint names a part, and random numbers that are the same each time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.errors import SegkitError

CLASSES = Classes.make(["cat", "sky", "dog", "sea"], things=[True, False, True, False])
"""What parts that are built for a class list are tried with."""

TOLERANCE = 1e-4
"""How much two answers may differ that ought to be the same, absolutely and relatively: other batch sizes round
otherwise."""


def named(kind: str, part: object) -> str:
    """`backbone Tiny`: the kind and the name of the class or function."""
    return f"{kind} {getattr(part, '__name__', type(part).__name__)}"


@contextmanager
def seeded() -> Iterator[None]:
    """Also a decorator: torch's random numbers are the same each time, and the caller's go on as if nothing had been
    drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@contextmanager
def trying(who: str, situation: str) -> Iterator[None]:
    """Adds to whatever a part raises what was asked of it."""
    try:
        yield
    except Exception as error:
        cause = " ".join(str(error).split())[:200]
        raise AssertionError(f"{who} fails {situation}: {type(error).__name__}: {cause}") from error


def refuses(who: str, situation: str, call: Callable[[], object]) -> bool:
    """Whether a part says, by a SegkitError, that it does not take what it is given."""
    with trying(who, situation):
        try:
            call()
        except SegkitError:
            return True
    return False


def difference(one: Tensor, other: Tensor) -> float:
    """The largest absolute difference, 0 where it is within the tolerance; infinite where shapes differ."""
    if one.shape != other.shape:
        return float("inf")
    one, other = one.detach().double(), other.detach().double()
    if torch.allclose(one, other, atol=TOLERANCE, rtol=TOLERANCE, equal_nan=True):
        return 0.0
    return float((one - other).abs().max())


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """As a tuple, which reads better than torch.Size."""
    return tuple(tensor.shape)


def check_tensor(gives: str, name: str, tensor: Tensor, shape: tuple[int, ...], types: tuple[torch.dtype, ...]) -> None:
    """`tensor`, called `name`, is of one of the types and of the shape; `gives` begins the complaint."""
    good = isinstance(tensor, Tensor) and tensor.dtype in types and shape_of(tensor) == shape
    assert good, f"{gives} {name} {described(tensor)}, where {shape} of {' or '.join(map(_short, types))} is promised"


def described(value: object) -> str:
    """`(3, 4) of float32`."""
    return f"{shape_of(value)} of {_short(value.dtype)}" if isinstance(value, Tensor) else f"= {value!r}"


def _short(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")
