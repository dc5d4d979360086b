"""What every built part must be and publish, so that one that breaks its contract is named where it is built."""

from collections.abc import Callable
from typing import Any

from torch import nn

from segkit.classes import Classes
from segkit.errors import RegistryError
from segkit.registries.registry import Registry
from segkit.types import Feature


def _are_features(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, Feature) for one in value)


Promise = tuple[str, Callable[[Any], bool]]
"""What a published value is, in words and as a test."""

COUNT: Promise = "a whole number", lambda value: isinstance(value, int)
RESULT: Promise = "a type of result", lambda value: isinstance(value, type)
PUBLISHED: dict[str, dict[str, Promise]] = {
    "backbone": {"features": ("a list of one segkit.types.Feature or more", lambda it: _are_features(it) and it)},
    "pixel_decoder": {"memory": ("a list of segkit.types.Feature", _are_features), "mask_dim": COUNT},
    "model": {"size_divisor": COUNT},
    "loss": {
        "input_type": (
            "the word 'classes', 'masks' or 'prediction'",
            lambda it: it in ("classes", "masks", "prediction"),
        )
    },
    "postprocessor": {"result_type": RESULT},
    "evaluator": {"result_type": RESULT},
    "dataset": {"classes": ("a segkit.classes.Classes", lambda value: isinstance(value, Classes))},
}
"""What every part of a kind tells of itself; those built after it in a model may ask for it before `*`."""

MODULES = ("backbone", "pixel_decoder", "transformer_decoder", "model", "loss")
"""The kinds whose parts hold weights, or may."""


def check_contract(registry: Registry, name: str, part: Any) -> None:
    """Raises RegistryError for what would fail far from its cause or, like weights that nobody trains, not at all."""
    told = f"The contract stands in segkit.registries, at {registry.plural.upper()}."
    if registry.kind in MODULES and not isinstance(part, nn.Module):
        raise RegistryError(
            f"{registry.identity(name)} makes an object of type {type(part).__name__}, not a torch.nn.Module, so "
            f"that weights of it would be neither trained nor saved. {told}"
        )
    for attribute, (words, holds) in PUBLISHED.get(registry.kind, {}).items():
        if not hasattr(part, attribute):
            raise RegistryError(f"{registry.identity(name)} must publish '{attribute}', {words}, and does not. {told}")
        value = getattr(part, attribute)
        if not holds(value):
            raise RegistryError(
                f"{registry.identity(name)} must publish as '{attribute}' {words}, not {value!r}. {told}"
            )
