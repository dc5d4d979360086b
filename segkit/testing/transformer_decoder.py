"""A transformer decoder.

* From a memory of one map or of several, of sizes and channel counts of their own, it makes a Prediction: class logits
  (B,Q,K+1) and masks of the mask features' size in every layer, all of the same queries, the earlier ones as auxiliary
  layers of the last.
* The memory's maps may be of a single cell, or of an odd number of them.
* Gradients come to the memory, the mask features and every parameter, and all else that `segkit.testing._modules`
  names.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from segkit.testing._common import named, seeded, trying
from segkit.testing._maps import CELLS, PYRAMID, random_maps
from segkit.testing._modules import Outputs, Trial, check_is_module, check_meta, check_module, warn_unless_compilable
from segkit.testing._predictions import check_prediction, outputs_of
from segkit.types import Feature, Prediction

MEMORIES = (PYRAMID[-1:], PYRAMID[1:])
MASK_DIM, NUM_CLASSES = 16, 5


@seeded()
def check_transformer_decoder(make: Callable[[list[Feature], int, int], Any]) -> None:
    """`make(memory, mask_dim, num_classes)` builds the part. Raises AssertionError, saying in words what it does
    wrong."""
    for memory in MEMORIES:
        decoder = make(list(memory), MASK_DIM, NUM_CLASSES)
        check_is_module("transformer decoder", decoder)
        who = named("transformer decoder", decoder)
        decoder.eval()
        for rows, columns in CELLS:
            maps, mask_features = _inputs(memory, rows, columns)
            situation = f"on a memory of {len(memory)} maps, the coarsest of {rows}x{columns}"
            with trying(who, situation), torch.no_grad():
                prediction = decoder(maps, mask_features)
            assert isinstance(prediction, Prediction), (
                f"{who} gives a {type(prediction).__name__}, where a Prediction is promised"
            )
            check_prediction(who, prediction, NUM_CLASSES, (rows * 8, columns * 8))
        maps, mask_features = _inputs(memory, 2, 3)
        names = [f"memory map {index}" for index in range(len(maps))]
        inputs = {**dict(zip(names, maps, strict=True)), "mask features": mask_features}
        trial = Trial(who, decoder, inputs, _run, reached={"memory": names, "mask features": ["mask features"]})
        check_module(trial, make(list(memory), MASK_DIM, NUM_CLASSES))
    warn_unless_compilable(trial)
    check_meta(who, lambda: make(list(PYRAMID[1:]), MASK_DIM, NUM_CLASSES))


def _inputs(memory: list[Feature], rows: int, columns: int) -> tuple[list[Tensor], Tensor]:
    size = (rows * PYRAMID[-1].stride, columns * PYRAMID[-1].stride)
    (mask_features,) = random_maps([Feature(MASK_DIM, PYRAMID[0].stride)], size)
    return random_maps(memory, size), mask_features


def _run(decoder: Any, inputs: list[Tensor]) -> Outputs:
    return outputs_of(decoder(inputs[:-1], inputs[-1]))
