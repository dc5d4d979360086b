"""The order of a backbone's parameters by depth, for learning rates that fall towards the image."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Layered(Protocol):
    """A backbone, or a model without an attribute `backbone`, that publishes the depth of its parameters."""

    def parameter_layers(self) -> list[list[str]]:
        """The names of the parameters of each layer, from the image on. A model lists those of its backbone alone."""


def backbone_layers(model: nn.Module) -> list[list[str]]:
    """Returns the names of the parameters of a model's backbone, layer by layer; an empty list without a backbone.

    They are what the model publishes, or else its attribute `backbone`, which is a single layer unless it publishes
    more. All other parameters are the head.

    Example:
        >>> model = nn.Module()
        >>> model.backbone, model.head = nn.Linear(2, 2), nn.Linear(2, 1)
        >>> backbone_layers(model)
        [['backbone.weight', 'backbone.bias']]
    """
    if isinstance(model, Layered):
        return model.parameter_layers()
    backbone = getattr(model, "backbone", None)
    if not isinstance(backbone, nn.Module):
        return []
    if isinstance(backbone, Layered):
        layers = backbone.parameter_layers()
    else:
        layers = [[name for name, _ in backbone.named_parameters()]]
    return [[f"backbone.{name}" for name in layer] for layer in layers]


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
