"""Checks every built part against the contract of its kind, so that an error names the part that breaks it."""

from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import nn

import segkit.types
from segkit.classes import Classes
from segkit.errors import RegistryError, with_article
from segkit.registries.hooks import Hook
from segkit.registries.registry import Registry

NAMES = {**vars(segkit.types), "Classes": Classes, "nn": nn}
"""The names that annotations of contracts use. Registries import them for type checkers only, to stay free of torch."""
# Registries name their base class by text, because they do not import torch, which is slow.
BASES: dict[str, type] = {
    "torch.nn.Module": nn.Module,
    "torch.optim.Optimizer": torch.optim.Optimizer,
    "segkit.Hook": Hook,
}
REASONS = {"torch.nn.Module": ", so its weights would be neither trained nor saved"}


def published(registry: Registry[object]) -> list[str]:
    """Returns the names of the attributes that every built part of a kind publishes: the properties of its Protocol.

    Parts that are built later may ask for them before `*`.
    """
    return properties_of(registry.contract)


def properties_of(contract: type) -> list[str]:
    """Returns the names of the attributes that a Protocol asks for, without those of Protocols that it derives from."""
    return [name for name, member in vars(contract).items() if isinstance(member, property)]


def check_contract(registry: Registry[object], name: str, part: object) -> None:
    """Catches mistakes that would otherwise fail late or silently.

    Raises:
        RegistryError: `part`, built as `name`, is of the wrong class or lacks a published attribute.
    """
    who = registry.identity(name)
    contract = f"See the contract, segkit.registries.{registry.contract.__name__}."
    if registry.base is not None and not isinstance(part, BASES[registry.base]):
        reason = REASONS.get(registry.base, "")
        raise RegistryError(
            f"{who} builds an object of type {type(part).__name__}, not a {registry.base}{reason}. {contract}"
        )
    # What is optional is published as a whole, or not at all.
    besides = [one for one in registry.optional if any(hasattr(part, name) for name in properties_of(one))]
    for protocol in (registry.contract, *besides):
        contract = f"See the contract, segkit.registries.{protocol.__name__}."
        for attribute in properties_of(protocol):
            annotation = get_type_hints(getattr(protocol, attribute).fget, localns=NAMES)["return"]
            if not hasattr(part, attribute):
                raise RegistryError(f"{who} must publish '{attribute}' ({_words(annotation)}). {contract}")
            value = getattr(part, attribute)
            if not _matches(value, annotation):
                raise RegistryError(
                    f"{who} must publish '{attribute}' as {_words(annotation)}, not {value!r}. {contract}"
                )


def _matches(value: Any, annotation: Any) -> bool:
    """Whether `value` is of the annotated type. A published list holds at least one item."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        # The type counts too, since True == 1.
        return any(type(value) is type(choice) and value == choice for choice in arguments)
    if origin is list:
        return (
            isinstance(value, list | tuple) and bool(value) and all(isinstance(one, _item(annotation)) for one in value)
        )
    if origin is tuple:
        # Of the contracts' tuples, `tuple[float, ...]`, any number of values will do.
        right = isinstance(value, list | tuple) and bool(value)
        return right and all(isinstance(one, int | float) for one in value)
    return isinstance(value, annotation)


def _item(annotation: Any) -> Any:
    """The class of a list's items."""
    (item,) = get_args(annotation)
    # isinstance takes no arguments of a type: `dict` for `dict[str, Any]`.
    return get_origin(item) or item


def _words(annotation: Any) -> str:
    """The annotated type in words: `a list of Feature`, `'a' or 'b'`, `an integer`."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        *first, last = (repr(choice) for choice in arguments)
        return f"{', '.join(first)} or {last}"
    if get_origin(annotation) is list:
        return f"a list of at least one {_item(annotation).__name__}"
    if get_origin(annotation) is tuple:
        return "numbers"
    return {int: "an integer", type: "a class"}.get(annotation, f"{with_article(annotation.__name__)}")
