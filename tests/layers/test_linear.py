"""The multi-layer perceptron."""

import torch
from torch import nn

from segkit.layers.linear import mlp


def test_num_layers_linear_layers_with_relu_between_them():
    layers = mlp(3, 8, 5, num_layers=3)
    assert [type(layer) for layer in layers] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert [tuple(layer.weight.shape) for layer in layers[::2]] == [(8, 3), (8, 8), (5, 8)]
    assert layers(torch.zeros(2, 4, 3)).shape == (2, 4, 5)


def test_one_layer_is_linear():
    (layer,) = mlp(3, 8, 5, num_layers=1)
    assert tuple(layer.weight.shape) == (5, 3)
