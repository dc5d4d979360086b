"""A backbone.

* It publishes `features`: finest first, each stride once.
* For images whose sides are multiples of the coarsest stride it gives the maps that `features` promises: images
  wider than high, higher than wide, of a single coarsest cell, of an odd number of them.
* Gradients come to the image and to every parameter, and all else that `segkit.testing._modules` names.
"""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from segkit.testing._common import named, seeded, trying
from segkit.testing._maps import CELLS, check_maps, published_features
from segkit.testing._modules import Outputs, Trial, check_is_module, check_module, warn_unless_compilable


@seeded()
def check_backbone(backbone: Any) -> None:
    """Raises AssertionError, saying in words what the built part does wrong."""
    check_is_module("backbone", backbone)
    who = named("backbone", backbone)
    features = published_features(who, "features", getattr(backbone, "features", None))
    coarsest = features[-1].stride
    backbone.eval()
    for rows, columns in CELLS:
        size = (rows * coarsest, columns * coarsest)
        with trying(who, f"on images of {size[0]}x{size[1]}"), torch.no_grad():
            maps = backbone(torch.randn(2, 3, *size))
        check_maps(who, "map", maps, features, size)
    image = torch.randn(2, 3, 2 * coarsest, 3 * coarsest)
    trial = Trial(who, backbone, {"image": image}, _run, reached={"image": ["image"]})
    check_module(trial, _other(backbone))
    warn_unless_compilable(trial)


def _run(backbone: Any, inputs: list[Tensor]) -> Outputs:
    return {f"values of map {index}": found for index, found in enumerate(backbone(inputs[0]))}


def _other(backbone: Any) -> Any:
    """Another instance with other weights and statistics."""
    other = deepcopy(backbone)
    for tensor in other.state_dict().values():
        tensor.copy_(torch.rand(tensor.shape))
    return other
