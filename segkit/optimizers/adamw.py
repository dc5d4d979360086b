"""The optimizer `adamw`."""

from typing import Annotated

import torch
from torch import nn

from segkit.errors import ConfigError
from segkit.optimizers._groups import parameter_groups
from segkit.registries import OPTIMIZERS
from segkit.registries.signature import Bounds, NonNegativeFloat

Decay = Annotated[float, Bounds(least=0, below=1)]


@OPTIMIZERS.register("adamw")
def adamw(
    model: nn.Module,
    *,
    lr: NonNegativeFloat = 1e-4,
    weight_decay: NonNegativeFloat = 1e-4,
    backbone_multiplier: NonNegativeFloat = 1.0,
    betas: tuple[Decay, Decay] = (0.9, 0.999),
) -> torch.optim.AdamW:
    """Builds AdamW without weight decay on norms and embeddings (Loshchilov and Hutter 2019).

    It updates all trainable parameters. Weight decay follows the appendix of Cheng et al. 2021.

    Args:
        model: The model to train.
        lr: Learning rate before the schedule.
        weight_decay: Weight decay of all parameters except norms, embeddings and learned positions.
        backbone_multiplier: Factor on the learning rate of the backbone; 0.1 is usual for pretrained ResNets.
        betas: Decay of the running means of gradient and squared gradient.

    Raises:
        ConfigError: `backbone_multiplier` is set, but the model has no trainable `backbone`.

    Example:
        >>> optimizer = adamw(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)), lr=1e-3, weight_decay=0.05)
        >>> [(len(group["params"]), group["weight_decay"]) for group in optimizer.param_groups]
        [(2, 0.05), (2, 0.0)]
    """
    if backbone_multiplier != 1.0 and not any(
        name.startswith("backbone.") and parameter.requires_grad for name, parameter in model.named_parameters()
    ):
        raise ConfigError(
            "optimizer 'adamw': backbone_multiplier: the model has no trainable parameters in `backbone`, so it has no "
            "effect. Remove it."
        )
    groups = parameter_groups(model, lr, weight_decay, backbone_multiplier)
    # fused: one kernel updates all parameters of a group, on a GPU and on a CPU.
    return torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay, betas=(betas[0], betas[1]), fused=True)
