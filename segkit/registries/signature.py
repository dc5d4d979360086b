"""Reads the signature of a part: segkit injects what stands before `*`, YAML sets what stands after it."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from os import PathLike
from types import UnionType
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin, get_type_hints

from segkit.errors import RegistryError

Part = Callable[..., Any]

MISSING = inspect.Parameter.empty
"""The default of a parameter that has none."""


@dataclass(frozen=True)
class Bounds:
    """The range of a number that YAML sets; stands within an `Annotated`.

    Example:
        >>> Bounds(least=0, below=1).expected(2.0)
        'less than 1'
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def __str__(self) -> str:
        words = {"at least": self.least, "above": self.above, "at most": self.most, "below": self.below}
        return ", ".join(f"{word} {bound}" for word, bound in words.items() if bound is not None)

    def expected(self, value: float) -> str:
        """Returns what `value` must be ("at least 0"), or an empty string if it is within the bounds. Nan never is."""
        # `not value >= least` instead of `value < least`: all comparisons with NaN are false, so NaN is refused.
        if self.least is not None and not value >= self.least:
            return f"at least {self.least}"
        if self.above is not None and not value > self.above:
            return f"more than {self.above}"
        if self.most is not None and not value <= self.most:
            return f"at most {self.most}"
        if self.below is not None and not value < self.below:
            return f"less than {self.below}"
        return ""


@dataclass(frozen=True)
class Form:
    """The form of a list or mapping that YAML sets; stands within an `Annotated`.

    Example:
        >>> Form(lambda sizes: "" if sizes else "the list is empty. Give a size.").problem([])
        'the list is empty. Give a size.'
    """

    problem: Callable[[Any], str]
    """`(value) -> what is wrong and what to do`, an empty string where nothing is. The types are right already."""


Positive = Annotated[int, Bounds(least=1)]
NonNegative = Annotated[int, Bounds(least=0)]
Seed = Annotated[int, Bounds(least=0, most=2**53)]
"""Random generators of torch take 64 bits, and JSON no whole number beyond 2**53."""
PositiveFloat = Annotated[float, Bounds(above=0)]
NonNegativeFloat = Annotated[float, Bounds(least=0)]
Fraction = Annotated[float, Bounds(least=0, most=1)]
"""A number from 0 to 1, such as a probability."""
# Far below the largest float32, so that no sum of weighted losses overflows.
Weight = Annotated[float, Bounds(least=0, most=1_000_000)]
"""The weight of one term in a sum."""


def name_of(part: Part) -> str:
    """Returns the full name of a part, `acme_segkit.fpn.AcmeFPN`, or that of the class of another object."""
    named = part if hasattr(part, "__qualname__") else type(part)
    return f"{named.__module__}.{named.__qualname__}"


def parameters(part: Part) -> list[inspect.Parameter]:
    """Returns all parameters of a part, without `self`.

    Raises:
        RegistryError: the signature cannot be read.
    """
    try:
        return list(inspect.signature(part).parameters.values())
    except (TypeError, ValueError) as error:
        raise RegistryError(f"{part!r} cannot be a part: its signature cannot be read ({error}).") from error


def before_star(part: Part) -> dict[str, inspect.Parameter]:
    """Returns the parameters that segkit injects, by name: built parts, sizes, classes."""
    return {p.name: p for p in parameters(part) if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)}


def after_star(part: Part) -> dict[str, inspect.Parameter]:
    """Returns the parameters that YAML sets, by name."""
    return {p.name: p for p in parameters(part) if p.kind is p.KEYWORD_ONLY}


def named_inputs(part: object) -> frozenset[str]:
    """Returns the names of what a built part is called with: those of its `forward`, or of its `__call__`.

    The signature of a class is read once. A `forward` that is set on one object, as compilers do, does not count.

    Example:
        >>> class Masked:
        ...     def forward(self, maps, *, sizes=None): ...
        >>> sorted(named_inputs(Masked()))
        ['maps', 'self', 'sizes']
    """
    kind: Any = type(part)
    return _names_of(getattr(kind, "forward", None) or kind.__call__)


def input_type_has(part: object, name: str, kind: type) -> bool:
    """Returns whether the annotation of an input of a built part is a union with `kind`, or `kind` itself.

    Example:
        >>> class Tolerant:
        ...     def forward(self, maps: list | None): ...
        >>> input_type_has(Tolerant(), "maps", list), input_type_has(Tolerant(), "masks", list)
        (True, False)
    """
    forward = getattr(type(part), "forward", None)
    if forward is None or name not in _names_of(forward):
        return False
    try:
        found = annotation_of(forward, inspect.signature(forward).parameters[name])
    except RegistryError:  # names that only type checkers know, as in many a part
        return False
    return kind is found or kind in get_args(found)


@cache
def _names_of(function: Callable[..., object]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def annotation_of(part: Part, parameter: inspect.Parameter) -> Any:
    """Returns the type of a parameter. Annotations that are text are resolved in the module that defines the part.

    Each annotation is resolved by itself: a name that is imported for type checkers only breaks the one parameter that
    uses it.

    Raises:
        RegistryError: the annotation cannot be resolved.
    """
    if parameter.annotation is MISSING:
        return Any
    # A decorator may come from another module, where the names of the annotation do not exist.
    function = inspect.unwrap(part.__init__ if inspect.isclass(part) else part)
    # get_type_hints reads all annotations of an object, so this one gets an object of its own.
    holder = type("Holder", (), {"__annotations__": {"value": parameter.annotation}})
    globalns = getattr(function, "__globals__", {})
    try:
        return _without_paths(get_type_hints(holder, globalns=globalns, include_extras=True)["value"])
    except Exception as error:
        raise RegistryError(
            f"{name_of(part)}: the annotation of '{parameter.name}' cannot be resolved "
            f"({type(error).__name__}: {error}). Import the names it uses at run time, not for type checkers only."
        ) from error


def check_signature(who: str, part: Part, *, injected: Collection[str], reserved: Collection[str]) -> None:
    """Checks that the signature of a part can serve as the schema of its settings.

    Args:
        who: The part in words, to begin an error message with.
        part: A class or function.
        injected: What may stand before `*`.
        reserved: What no setting may be called, since YAML uses these keys for something else.

    Raises:
        RegistryError: the signature takes `*args` or `**kwargs`, or puts a parameter on the wrong side of `*`.
    """
    # An instance of nn.Module is callable as well, but builds no part.
    if not callable(part) or not hasattr(part, "__qualname__"):
        raise RegistryError(
            f"{who} is {_instance(part)}, neither a class nor a function. Register what builds the part."
        )
    for parameter in parameters(part):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            _refuse_open_signature(who, part, parameter)
    for name in before_star(part):
        if name not in injected:
            allowed = f"only {', '.join(injected)} may stand there" if injected else "nothing may stand there"
            raise RegistryError(
                f"{who} takes '{name}' before '*', where segkit supplies the values: {allowed}. Put settings after '*'."
            )
    for name in after_star(part):
        if name in injected:
            raise RegistryError(
                f"{who} takes '{name}' after '*', where settings stand, but segkit supplies it. Put it before '*'."
            )
        if name in reserved:
            raise RegistryError(f"{who} has a setting '{name}', a key that YAML needs for something else. Rename it.")


def _instance(part: object) -> str:
    """Returns an object in words; that of a module would fill many lines."""
    return f"an instance of {type(part).__name__}" if callable(part) else repr(part)


def _refuse_open_signature(who: str, part: Part, parameter: inspect.Parameter) -> NoReturn:
    # nn.Module's own __init__ takes *args and **kwargs, which a class without an __init__ inherits.
    inherited = inspect.isclass(part) and "__init__" not in vars(part)
    if inherited:
        raise RegistryError(
            f"{who} has no `__init__` of its own, and the inherited one does not name the settings. Give the class an "
            "`__init__(self, *, setting: type = default)` that names every setting, or `__init__(self)` without any."
        )
    raise RegistryError(
        f"{who} takes {str(parameter).partition(':')[0]}, but its signature is the schema of its settings. "
        "Name every setting, or take one `options: dict`."
    )


def _without_paths(annotation: Any) -> Any:
    """Returns an annotation without the paths in unions such as `str | Path`: YAML gives them as text."""
    inner = get_args(annotation)
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        kept = [_without_paths(one) for one in inner if not _is_path(one)]
        return reduce(or_, kept) if kept else annotation
    return origin[tuple(map(_without_paths, inner))] if origin in (list, dict, tuple, Sequence, Mapping) else annotation


def _is_path(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, PathLike)
