"""The signature is the schema: what stands before `*` is wired or built by segkit, what stands after `*` YAML sets."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from segkit.errors import RegistryError

Part = Callable[..., Any]

MISSING = inspect.Parameter.empty
"""The default of a parameter that has none."""


def name_of(part: Part) -> str:
    """`acme_segkit.fpn.AcmeFPN`."""
    qualname = getattr(part, "__qualname__", None)
    return f"{part.__module__}.{qualname}" if qualname else repr(part)


def parameters(part: Part) -> list[inspect.Parameter]:
    """All parameters of a part, without `self`. Raises RegistryError for what has no readable signature."""
    try:
        return list(inspect.signature(part).parameters.values())
    except (TypeError, ValueError) as error:
        raise RegistryError(f"{part!r} is no part: its signature cannot be read ({error}).") from error


def before_star(part: Part) -> dict[str, inspect.Parameter]:
    """What segkit supplies: built parts and sizes."""
    return {p.name: p for p in parameters(part) if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)}


def after_star(part: Part) -> dict[str, inspect.Parameter]:
    """What YAML sets."""
    return {p.name: p for p in parameters(part) if p.kind is p.KEYWORD_ONLY}


def annotation_of(part: Part, parameter: inspect.Parameter) -> Any:
    """The parameter's type, with annotations written as text resolved where the part was defined.

    Each is resolved by itself, so that a name imported for type checkers only harms just the parameter that uses it.
    Raises RegistryError where it cannot be resolved.
    """
    if parameter.annotation is MISSING:
        return Any
    function = inspect.unwrap(part.__init__ if inspect.isclass(part) else part)
    holder = type("Holder", (), {"__annotations__": {"value": parameter.annotation}})
    try:
        return get_type_hints(holder, globalns=getattr(function, "__globals__", {}))["value"]
    except Exception as error:
        raise RegistryError(
            f"{name_of(part)}: the annotation of '{parameter.name}' cannot be resolved "
            f"({type(error).__name__}: {error}). Import what it names at run time."
        ) from error
