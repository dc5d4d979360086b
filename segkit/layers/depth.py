"""The order of a backbone's parameters by depth, for learning rates that fall towards the image."""

from __future__ import annotations

import textwrap
from typing import Any

from torch import nn

from segkit.errors import RegistryError
from segkit.registries.layered import Layered


def backbone_layers(model: nn.Module) -> list[list[str]]:
    """Returns the names of the parameters of a model's backbone, layer by layer; an empty list without a backbone.

    They are what the model publishes, or else its attribute `backbone`, which is a single layer unless it publishes
    more. All other parameters are the head.

    Raises:
        RegistryError: what the model or its backbone publishes names no parameter, or one twice.

    Example:
        >>> model = nn.Module()
        >>> model.backbone, model.head = nn.Linear(2, 2), nn.Linear(2, 1)
        >>> backbone_layers(model)
        [['backbone.weight', 'backbone.bias']]
    """
    if isinstance(model, Layered):
        return _published(model, "")
    backbone = getattr(model, "backbone", None)
    if not isinstance(backbone, nn.Module):
        return []
    if isinstance(backbone, Layered):
        return _published(backbone, "backbone.")
    return [[f"backbone.{name}" for name, _ in backbone.named_parameters()]]


def _published(part: nn.Module, prefix: str) -> list[list[str]]:
    """Returns the layers that a part publishes, with `prefix` before each name."""
    assert isinstance(part, Layered), "only such parts publish layers"
    layers = lists_of_names(part)
    left = {name for name, _ in part.named_parameters(remove_duplicate=False)}
    for name in (name for layer in layers for name in layer):
        if name not in left:
            raise RegistryError(
                f"{type(part).__name__} publishes parameter_layers with '{name}', which is no parameter of it or "
                "stands there twice. See the contract, segkit.registries.Layered."
            )
        left.remove(name)
    return [[prefix + name for name in layer] for layer in layers]


def lists_of_names(part: Layered) -> list[list[str]]:
    """Returns the layers that a part publishes.

    Raises:
        RegistryError: they are no lists of names.

    Example:
        >>> class Part:
        ...     def parameter_layers(self):
        ...         return [["stem.weight"], ["block.weight"]]
        >>> lists_of_names(Part())
        [['stem.weight'], ['block.weight']]
    """
    layers: Any = part.parameter_layers()
    if not _is_list(layers) or not all(map(_is_list, layers)):
        raise RegistryError(
            f"{type(part).__name__} publishes parameter_layers that are no list of layers: {_shortened(layers)}. "
            "Return one list of names for each layer, such as [['stem.weight'], ['block.weight']]."
        )
    for name in (name for layer in layers for name in layer):
        if not isinstance(name, str):
            raise RegistryError(
                f"{type(part).__name__} publishes parameter_layers with {_shortened(name)}, which is no name of a "
                "parameter. See the contract, segkit.registries.Layered."
            )
    return [list(layer) for layer in layers]


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _shortened(value: object) -> str:
    return textwrap.shorten(repr(value), 60, placeholder=" …")


def numbered_layers(module: nn.Module) -> list[list[str]]:
    """Returns the parameters of a module by its numbered blocks, which have layers inside: each block is a layer.

    What stands before a block, such as a stem, belongs to it; what stands after the last one belongs to that.

    Example:
        >>> blocks = [nn.Sequential(nn.Linear(1, 1)) for _ in range(2)]
        >>> numbered_layers(nn.ModuleDict({"stem": nn.PReLU(), "blocks": nn.ModuleList(blocks)}))
        [['stem.weight', 'blocks.0.0.weight', 'blocks.0.0.bias'], ['blocks.1.0.weight', 'blocks.1.0.bias']]
    """
    blocks = [name for name, inner in module.named_modules() if _is_number(name) and any(inner.children())]
    layers: dict[str, list[str]] = {}
    waiting: list[str] = []
    for name, _ in module.named_parameters():
        # The outermost of blocks inside each other comes first.
        block = next((one for one in blocks if name.startswith(f"{one}.")), None)
        if block is None:
            waiting.append(name)
        else:
            layers.setdefault(block, []).extend([*waiting, name])
            waiting = []
    found = list(layers.values()) or [[]]
    found[-1] += waiting
    return found


def _is_number(name: str) -> bool:
    return name.rpartition(".")[2].isdigit()
