"""AdamW (Loshchilov and Hutter 2019) with the paper's parameter groups."""

from typing import Annotated

import torch
from torch import nn

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
    """
    Args:
        model: its trainable parameters are taken.
        lr: learning rate before the schedule.
        weight_decay: of all but norms, embeddings and learned positions.
        backbone_multiplier: the backbone's share of the learning rate; 0.1 is usual for pretrained ResNets.
        betas: decay of the running means of gradient and squared gradient.
    """
    groups = parameter_groups(model, lr, weight_decay, backbone_multiplier)
    return torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay, betas=(betas[0], betas[1]), fused=True)
