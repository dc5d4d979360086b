"""Parameter groups of MaskFormer's optimizer (Cheng et al. 2021, appendix), and rates that fall with depth."""

from collections.abc import Iterator
from typing import Annotated, Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from segkit.errors import ConfigError
from segkit.layers.depth import backbone_layers
from segkit.registries.signature import Bounds

# _NormBase is the base of all batch and instance norms; torch has no public one.
NORMS = (nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm, _NormBase)
POSITIONS = ("relative_position_bias_table", "absolute_pos_embed", "pos_embed")
"""Names of learned positions that are parameters of a backbone's module, not an `nn.Embedding`."""

LayerDecay = Annotated[float, Bounds(above=0, most=1)]


def parameter_groups(
    owner: str, model: nn.Module, *, lr: float, weight_decay: float, backbone_multiplier: float, layer_decay: float
) -> list[dict[str, Any]]:
    """Groups the trainable parameters by learning rate and weight decay.

    Args:
        owner: The optimizer in words, for error messages.
        model: The model.
        lr: Learning rate of the head.
        weight_decay: Of all parameters except norms, embeddings and learned positions. Those have few values, whose
            size matters, and weight decay would pull them towards zero.
        backbone_multiplier: Factor on the learning rate of the backbone.
        layer_decay: Factor on the learning rate of each layer of the backbone, compared with the one after it.

    Raises:
        ConfigError: A factor has no effect on this model.
    """
    layers = backbone_layers(model)
    _refuse_without_effect(owner, model, layers, backbone_multiplier, layer_decay)
    factors = {
        name: backbone_multiplier * layer_decay ** (len(layers) - depth)
        for depth, names in enumerate(layers)
        for name in names
    }
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter, decays in _trainable(model):
        rate = lr * factors.get(name, 1.0)
        decay = weight_decay if decays else 0.0
        # Groups and parameters keep the model's order: saved optimizer states refer to them by position.
        group = groups.setdefault((rate, decay), {"params": [], "lr": rate, "weight_decay": decay})
        group["params"].append(parameter)
    return list(groups.values())


def _refuse_without_effect(
    owner: str, model: nn.Module, layers: list[list[str]], backbone_multiplier: float, layer_decay: float
) -> None:
    trainable = {name for name, _, _ in _trainable(model)}
    factors = {"backbone_multiplier": backbone_multiplier, "layer_decay": layer_decay}
    for setting in [name for name, factor in factors.items() if factor != 1.0]:
        problem = ""
        if not any(layers):
            problem = (
                f"model {type(model).__name__} has no attribute `backbone` and publishes no backbone. Remove it, or "
                "give the model a method `parameter_layers` (segkit.registries.Layered)."
            )
        elif not any(trainable.intersection(layer) for layer in layers):
            problem = f"all parameters of the backbone of model {type(model).__name__} are frozen. Remove it."
        elif setting == "layer_decay" and len(layers) < 2:
            problem = (
                f"the backbone of model {type(model).__name__} is a single layer. Remove it, or give the backbone a "
                "method `parameter_layers` (segkit.registries.Layered)."
            )
        if problem:
            raise ConfigError(f"{owner}: {setting}: has no effect: {problem}")


def _trainable(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, bool]]:
    """Yields (name, parameter, whether it decays), a parameter shared by several modules only once."""
    seen: set[nn.Parameter] = set()
    for module_name, module in model.named_modules():
        without_decay = isinstance(module, (*NORMS, nn.Embedding))
        for name, parameter in module.named_parameters(recurse=False):
            # A shared parameter belongs to the first module that has it.
            if not parameter.requires_grad or parameter in seen:
                continue
            seen.add(parameter)
            full_name = f"{module_name}.{name}" if module_name else name
            yield full_name, parameter, not (without_decay or name in POSITIONS)
