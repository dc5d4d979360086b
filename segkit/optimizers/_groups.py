"""Parameter groups of MaskFormer's optimizer (Cheng et al. 2021, appendix)."""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

# _NormBase is the base of all batch and instance norms; torch has no public one.
NORMS = (nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm, _NormBase)
POSITIONS = ("relative_position_bias_table", "absolute_pos_embed", "pos_embed")
"""Names of learned positions that are parameters of a backbone's module, not an `nn.Embedding`."""


def parameter_groups(
    model: nn.Module, lr: float, weight_decay: float, backbone_multiplier: float
) -> list[dict[str, Any]]:
    """Groups the trainable parameters by learning rate and weight decay.

    Args:
        model: The model; parameters under its attribute `backbone` learn at `lr * backbone_multiplier`.
        lr: Learning rate of all other parameters.
        weight_decay: Of all parameters except norms, embeddings and learned positions. Those have few values, whose
            size matters, and weight decay would pull them towards zero.
        backbone_multiplier: Factor on the learning rate of the backbone.
    """
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter, decays in _trainable(model):
        rate = lr * (backbone_multiplier if name.startswith("backbone.") else 1.0)
        decay = weight_decay if decays else 0.0
        # Groups and parameters keep the model's order: saved optimizer states refer to them by position.
        group = groups.setdefault((rate, decay), {"params": [], "lr": rate, "weight_decay": decay})
        group["params"].append(parameter)
    return list(groups.values())


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
            yield f"{module_name}.{name}", parameter, not (without_decay or name in POSITIONS)
