"""The optimizer `timm`: any optimizer of timm."""

from typing import Any

import torch
from torch import nn

from segkit.errors import ConfigError, cause_of, suggest
from segkit.optimizers._groups import LayerDecay, parameter_groups
from segkit.registries import OPTIMIZERS
from segkit.registries.signature import NonNegativeFloat


@OPTIMIZERS.register("timm")
def timm_optimizer(
    model: nn.Module,
    *,
    name: str,
    lr: NonNegativeFloat = 1e-4,
    weight_decay: NonNegativeFloat = 1e-4,
    backbone_multiplier: NonNegativeFloat = 1.0,
    layer_decay: LayerDecay = 1.0,
    options: dict[str, Any] | None = None,
) -> torch.optim.Optimizer:
    """Builds an optimizer of timm, such as LAMB, Lion, Adan or Muon, with the parameter groups of `adamw`.

    Args:
        model: The model to train.
        name: Name of an optimizer in `timm.optim.list_optimizers()`, such as `lion`.
        lr: Learning rate before the schedule.
        weight_decay: Weight decay of all parameters except norms, embeddings and learned positions.
        backbone_multiplier: Factor on the learning rate of the backbone.
        layer_decay: Factor on the learning rate of each layer of the backbone, compared with the one after it.
        options: Further arguments of the optimizer, such as `{betas: [0.9, 0.99]}`.

    Raises:
        ConfigError: timm has no such optimizer, it lacks a package or takes no such option; or a factor on the learning
            rate has no effect on this model.

    Example:
        >>> type(timm_optimizer(nn.Linear(2, 3), name="lion", options={"betas": [0.9, 0.95]})).__name__
        'Lion'
    """
    # timm takes seconds to import, so only a config that uses this part pays for it.
    from timm import optim

    known = [str(one) for one in optim.list_optimizers()]  # type: ignore[attr-defined]
    if name.rpartition("_")[2] not in known:  # `lookahead_lion` wraps it
        raise ConfigError(
            f"optimizer 'timm': name: timm has no optimizer '{name}'.{suggest(name, known)} It has: {', '.join(known)}"
        )
    groups = parameter_groups(
        "optimizer 'timm'",
        model,
        lr=lr,
        weight_decay=weight_decay,
        backbone_multiplier=backbone_multiplier,
        layer_decay=layer_decay,
    )
    try:
        optimizer: torch.optim.Optimizer = optim.create_optimizer_v2(  # type: ignore[attr-defined]
            groups, opt=name, lr=lr, weight_decay=weight_decay, **options or {}
        )
    except Exception as error:  # of a missing package, or of an option
        raise ConfigError(
            f"optimizer 'timm': '{name}' cannot be built ({cause_of(error)}). Change its options, or choose another."
        ) from error
    return optimizer
