"""The contract of a pixel decoder.

* It publishes `mask_dim`, and `memory`: finest first, each stride once.
* It returns mask features of `mask_dim` channels at the finest stride, and the maps that `memory` describes, for
  coarsest maps wider than high, higher than wide, of a single cell, of an odd number of cells.
* If its `forward` names `sizes`, no sizes mean no padding. If it names `deferred`, deferred mask features are equal to
  those that it returns otherwise.
* Gradients reach every map of the backbone, because a stage whose map is not used would not learn, and every parameter;
  and all else that `segkit.testing._modules` lists.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from segkit.errors import with_article
from segkit.registries import PixelDecoder
from segkit.registries.signature import named_inputs
from segkit.testing._common import named, refuse_built, seeded, trying
from segkit.testing._inputs import check_deferred, check_sizes
from segkit.testing._maps import CELLS, PYRAMID, check_maps, published_features, random_maps
from segkit.testing._modules import (
    Outputs,
    Trial,
    as_module,
    check_meta,
    check_module,
    published,
    warn_unless_compilable,
)
from segkit.types import DeferredFeatures, Feature
from segkit.types.deferred import computed_features


@seeded()
def check_pixel_decoder(make: Callable[[list[Feature]], PixelDecoder]) -> None:
    """Checks a pixel decoder.

    Args:
        make: Builds the part from the features of a backbone; the class itself, where its settings have defaults.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.pixel_decoders.fpn import FPN
        >>> check_pixel_decoder(lambda features: FPN(features, hidden_dim=32, mask_dim=16))
    """
    refuse_built("pixel decoder", make)
    decoder = make(list(PYRAMID))
    module = as_module("pixel decoder", decoder)
    who = named("pixel decoder", decoder)
    mask_dim = published(who, decoder, "mask_dim", int, "the number of channels of the mask features")
    memory = published_features(who, "memory", getattr(decoder, "memory", None))
    module.eval()
    for rows, columns in CELLS:
        size = (rows * PYRAMID[-1].stride, columns * PYRAMID[-1].stride)
        with trying(who, f"on a coarsest map of {rows}x{columns}"), torch.no_grad():
            returned = decoder(random_maps(PYRAMID, size))
        is_pair = isinstance(returned, tuple) and len(returned) == 2
        assert is_pair, (
            f"{who} returns {with_article(type(returned).__name__)}. Return a pair: (mask features, [memory maps])."
        )
        mask_features, maps = returned
        check_maps(who, "mask feature map", [mask_features], [Feature(mask_dim, PYRAMID[0].stride)], size)
        check_maps(who, "memory map", maps, memory, size)
    maps = random_maps(PYRAMID, (64, 96))  # 2x3 cells: wider than high, so that swapped sides show
    inputs = {f"map of stride {feature.stride}": one for feature, one in zip(PYRAMID, maps, strict=True)}
    trial = Trial(who, module, inputs, _run, reached={name: [name] for name in inputs})
    check_module(trial, as_module("pixel decoder", make(list(PYRAMID))))
    check_sizes(who, module, (64, 96), lambda **sizes: _named(module(maps, **sizes)))
    if "deferred" in named_inputs(module):
        check_deferred(who, lambda: _named(module(maps)), lambda: _named(module(maps, deferred=True)))
    warn_unless_compilable(trial)
    check_meta(who, lambda: make(list(PYRAMID)))


def _run(decoder: nn.Module, inputs: list[Tensor]) -> Outputs:
    return _named(decoder(list(inputs)))


def _named(returned: tuple[Tensor | DeferredFeatures, list[Tensor]]) -> Outputs:
    mask_features, memory = returned
    maps = {f"values of memory map {i}": found for i, found in enumerate(memory)}
    return {"mask features": computed_features(mask_features)} | maps
