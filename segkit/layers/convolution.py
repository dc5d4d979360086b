"""Small stacks of standard layers that several parts are made of."""

import math
from itertools import pairwise

from torch import nn


def group_norm(channels: int) -> nn.GroupNorm:
    """Group norm of 32 groups, or of the most groups that both 32 and `channels` are multiples of."""
    return nn.GroupNorm(math.gcd(32, channels), channels)


def conv_norm_relu(in_channels: int, out_channels: int, kernel_size: int, relu: bool = True) -> nn.Sequential:
    """A convolution of stride 1 that keeps the size, group norm, and (unless told not to) ReLU."""
    convolution = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
    layers: list[nn.Module] = [convolution, group_norm(out_channels)]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def initialize_convolutions(module: nn.Module) -> None:
    """Kaiming-uniform weights (a = 1) and zero biases in every convolution of `module`, as in the paper's decoders."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_uniform_(layer.weight, a=1)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def mlp(in_dim: int, hidden_dim: int, out_dim: int, num_layers: int) -> nn.Sequential:
    """`num_layers` linear layers with ReLU between them."""
    widths = [in_dim] + [hidden_dim] * (num_layers - 1) + [out_dim]
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [nn.Linear(width_in, width_out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])
