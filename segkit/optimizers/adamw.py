"""The optimizer `adamw`."""

from typing import Annotated

import torch
from torch import nn

from segkit.optimizers._groups import LayerDecay, parameter_groups
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
    layer_decay: LayerDecay = 1.0,
    betas: tuple[Decay, Decay] = (0.9, 0.999),
) -> torch.optim.AdamW:
    """Builds AdamW without weight decay on norms and embeddings (Loshchilov and Hutter 2019).

    It updates all trainable parameters. Weight decay follows the appendix of Cheng et al. 2021.

    Args:
        model: The model to train.
        lr: Learning rate before the schedule.
        weight_decay: Weight decay of all parameters except norms, embeddings and learned positions.
        backbone_multiplier: Factor on the learning rate of the backbone; 0.1 is usual for pretrained ResNets.
        layer_decay: Factor on the learning rate of each layer of the backbone, compared with the one after it; 0.8
            gives the last layer 0.8, the one before it 0.64 of the rate (Bao et al. 2022, "BEiT").
        betas: Decay of the running means of gradient and squared gradient.

    Raises:
        ConfigError: `backbone_multiplier` is set, but the model has no trainable `backbone`; or `layer_decay`, but the
            backbone has no layers.

    Example:
        >>> optimizer = adamw(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)), lr=1e-3, weight_decay=0.05)
        >>> [(len(group["params"]), group["weight_decay"]) for group in optimizer.param_groups]
        [(2, 0.05), (2, 0.0)]
    """
    groups = parameter_groups(
        "optimizer 'adamw'",
        model,
        lr=lr,
        weight_decay=weight_decay,
        backbone_multiplier=backbone_multiplier,
        layer_decay=layer_decay,
    )
    # fused: one kernel updates all parameters of a group, on a GPU and on a CPU.
    return torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay, betas=(betas[0], betas[1]), fused=True)
