"""Stacks of linear layers."""

from itertools import pairwise

from torch import nn


def mlp(in_dim: int, hidden_dim: int, out_dim: int, num_layers: int) -> nn.Sequential:
    """Makes a multi-layer perceptron: `num_layers` linear layers with ReLU between them.

    Example:
        >>> [type(layer).__name__ for layer in mlp(8, 16, 4, num_layers=2)]
        ['Linear', 'ReLU', 'Linear']
    """
    dims = [in_dim] + [hidden_dim] * (num_layers - 1) + [out_dim]
    layers: list[nn.Module] = []
    for dim_in, dim_out in pairwise(dims):
        layers += [nn.Linear(dim_in, dim_out), nn.ReLU(inplace=True)]
    # The output is not rectified.
    return nn.Sequential(*layers[:-1])
