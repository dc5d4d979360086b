"""A pixel decoder.

* It publishes `mask_dim`, and `memory`: finest first, each stride once.
* It gives mask features of `mask_dim` channels at the finest stride, and the maps that `memory` promises, for coarsest
  maps wider than high, higher than wide, of a single cell, of an odd number of them.
* Gradients come to every map of the backbone and to every parameter (a stage of the backbone whose map is not used
  would learn nothing), and all else that `segkit.testing._modules` names.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from segkit.testing._common import named, seeded, trying
from segkit.testing._maps import CELLS, PYRAMID, check_maps, published_features, random_maps
from segkit.testing._modules import (
    Outputs,
    Trial,
    check_is_module,
    check_meta,
    check_module,
    published,
    warn_unless_compilable,
)
from segkit.types import Feature


@seeded()
def check_pixel_decoder(make: Callable[[list[Feature]], Any]) -> None:
    """`make(features)` builds the part. Raises AssertionError, saying in words what it does wrong."""
    decoder = make(list(PYRAMID))
    check_is_module("pixel decoder", decoder)
    who = named("pixel decoder", decoder)
    mask_dim = published(who, decoder, "mask_dim", int, "the number of channels of the mask features")
    memory = published_features(who, "memory", getattr(decoder, "memory", None))
    decoder.eval()
    for rows, columns in CELLS:
        size = (rows * PYRAMID[-1].stride, columns * PYRAMID[-1].stride)
        with trying(who, f"on a coarsest map of {rows}x{columns}"), torch.no_grad():
            mask_features, maps = decoder(random_maps(PYRAMID, size))
        check_maps(who, "mask feature map", [mask_features], [Feature(mask_dim, PYRAMID[0].stride)], size)
        check_maps(who, "memory map", maps, memory, size)
    maps = random_maps(PYRAMID, (64, 96))
    inputs = {f"map of stride {feature.stride}": one for feature, one in zip(PYRAMID, maps, strict=True)}
    trial = Trial(who, decoder, inputs, _run, reached={name: [name] for name in inputs})
    check_module(trial, make(list(PYRAMID)))
    warn_unless_compilable(trial)
    check_meta(who, lambda: make(list(PYRAMID)))


def _run(decoder: Any, inputs: list[Tensor]) -> Outputs:
    mask_features, memory = decoder(list(inputs))
    return {"mask features": mask_features} | {f"values of memory map {i}": found for i, found in enumerate(memory)}
