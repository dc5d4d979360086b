"""Convolutions with group norm."""

import pytest
import torch
from torch import nn

from segkit.layers.convolution import conv_norm_relu, group_norm, initialize_convolutions


@pytest.mark.parametrize(("channels", "groups"), [(256, 32), (32, 32), (48, 16), (24, 8), (7, 1)])
def test_groups_divide_the_channels(channels, groups):
    assert group_norm(channels).num_groups == groups


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_height_and_width_stay(kernel_size):
    layers = conv_norm_relu(3, 8, kernel_size)
    output = layers(torch.randn(2, 3, 5, 7))
    assert output.shape == (2, 8, 5, 7)
    assert output.min() == 0
    assert layers[0].bias is None
    assert len(conv_norm_relu(3, 8, kernel_size, relu=False)) == 2


def test_initial_weights_are_kaiming_uniform_and_biases_zero():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(16, 64, 3), nn.Conv2d(16, 64, 3, bias=False), nn.Linear(3, 3))
    linear = layers[2].weight.clone()
    initialize_convolutions(layers)
    bound = (6 / (2 * 16 * 9)) ** 0.5  # He et al. 2015 with a = 1: sqrt(6 / ((1 + a^2) * fan_in))
    for layer in layers[:2]:
        assert layer.weight.abs().max() <= bound
        assert layer.weight.abs().max() > 0.99 * bound
    assert not layers[0].bias.any()
    assert torch.equal(layers[2].weight, linear)
