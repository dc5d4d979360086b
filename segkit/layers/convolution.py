"""Convolutions with group norm, as the pixel decoders use them."""

import math

from torch import nn


def group_norm(channels: int) -> nn.GroupNorm:
    """Makes a group norm of 32 groups or, where 32 does not divide `channels`, of their greatest common divisor.

    Example:
        >>> group_norm(256).num_groups, group_norm(24).num_groups
        (32, 8)
    """
    return nn.GroupNorm(math.gcd(32, channels), channels)


def conv_norm_relu(in_channels: int, out_channels: int, kernel_size: int, relu: bool = True) -> nn.Sequential:
    """Makes a convolution that keeps height and width, followed by group norm and, by default, ReLU.

    Example:
        >>> [type(layer).__name__ for layer in conv_norm_relu(3, 32, kernel_size=3)]
        ['Conv2d', 'GroupNorm', 'ReLU']
    """
    # No bias: the group norm's own bias follows.
    convolution = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
    layers: list[nn.Module] = [convolution, group_norm(out_channels)]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def initialize_convolutions(module: nn.Module) -> None:
    """Sets Kaiming-uniform weights (a = 1) and zero biases in every convolution of `module`, as in the paper.

    Example:
        >>> convolution = nn.Conv2d(3, 8, kernel_size=1)
        >>> initialize_convolutions(convolution)
        >>> bool(convolution.bias.any())
        False
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            # a = 1 makes it Caffe2's "Xavier fill", which the paper's code uses.
            nn.init.kaiming_uniform_(layer.weight, a=1)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
