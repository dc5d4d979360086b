"""The contract of a transformer decoder.

* From a memory of one map or several, of different sizes and channel counts, it returns a Prediction: class logits
  (B,Q,K+1) and masks of the mask features' size in every layer, the earlier ones as auxiliary layers of the last. Each
  layer may have its own number of queries. A mask quality is (B,Q), 0..1.
* If its `forward` names `sizes`, no sizes mean no padding. If it names `targets`, it takes those of images with and
  without segments in training, returns as many layers for both, and a gradient reaches every parameter. Only auxiliary
  layers bring matches, which name queries and segments that there are, and each query once.
* If the annotation of `mask_features` names `DeferredFeatures`, it predicts with them what it predicts with tensors.
* The memory's maps may have a single cell, or an odd number of cells.
* Gradients reach the memory, the mask features and every parameter, and all else that `segkit.testing._modules` lists.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from segkit.errors import with_article
from segkit.registries import TransformerDecoder
from segkit.registries.signature import input_type_has
from segkit.testing._common import named, refuse_built, seeded, trying
from segkit.testing._inputs import check_deferred, check_sizes, check_targets, training_inputs
from segkit.testing._maps import CELLS, PYRAMID, random_maps
from segkit.testing._modules import Outputs, Trial, as_module, check_meta, check_module, warn_unless_compilable
from segkit.testing._predictions import check_prediction, outputs_of
from segkit.types import DeferredFeatures, Feature, Prediction

MEMORIES = (PYRAMID[-1:], PYRAMID[1:])
MASK_DIM, NUM_CLASSES = 16, 5
SIZE = (64, 96)
"""Of the images of 2x3 coarsest cells."""


@seeded()
def check_transformer_decoder(make: Callable[[list[Feature], int, int], TransformerDecoder]) -> None:
    """Checks a transformer decoder.

    Args:
        make: Builds the part from memory, mask_dim and num_classes; the class itself, where its settings have
            defaults.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.transformer_decoders.standard import StandardDecoder
        >>> check_transformer_decoder(
        ...     lambda memory, mask_dim, num_classes: StandardDecoder(
        ...         memory, mask_dim, num_classes, num_queries=5, num_layers=2, hidden_dim=32
        ...     )
        ... )
    """
    refuse_built("transformer decoder", make)
    # One map, as MaskFormer's decoder reads, and several, as decoders with a memory of many scales do.
    for memory in MEMORIES:
        decoder = make(list(memory), MASK_DIM, NUM_CLASSES)
        module = as_module("transformer decoder", decoder)
        who = named("transformer decoder", decoder)
        module.eval()
        for rows, columns in CELLS:
            maps, mask_features = _inputs(memory, rows, columns)
            situation = f"on a memory of {len(memory)} maps, the coarsest of {rows}x{columns}"
            with trying(who, situation), torch.no_grad():
                prediction = decoder(maps, mask_features)
            assert isinstance(prediction, Prediction), (
                f"{who} returns {with_article(type(prediction).__name__)}. Return a segkit.types.Prediction."
            )
            check_prediction(who, prediction, NUM_CLASSES, (rows * 8, columns * 8))  # stride 32 / stride 4
        maps, mask_features = _inputs(memory, 2, 3)
        names = [f"memory map {index}" for index in range(len(maps))]
        inputs = {**dict(zip(names, maps, strict=True)), "mask features": mask_features}
        trial = Trial(who, module, inputs, _run, reached={"memory": names, "mask features": ["mask features"]})
        check_module(trial, as_module("transformer decoder", make(list(memory), MASK_DIM, NUM_CLASSES)))
        call = partial(module, maps, mask_features)
        check_sizes(who, module, SIZE, lambda call=call, **named: outputs_of(call(**named)))
        check_targets(who, module, SIZE, NUM_CLASSES, call)
        if input_type_has(module, "mask_features", DeferredFeatures):
            _check_deferred(who, module, maps, mask_features)
    warn_unless_compilable(trial)
    check_meta(who, lambda: make(list(PYRAMID[1:]), MASK_DIM, NUM_CLASSES))


def _check_deferred(who: str, module: nn.Module, maps: list[Tensor], finest: Tensor) -> None:
    convolution = nn.Conv2d(MASK_DIM, MASK_DIM, kernel_size=3, padding=1)
    check_deferred(
        who,
        lambda: outputs_of(module(maps, convolution(finest))),
        lambda: outputs_of(module(maps, DeferredFeatures(finest, convolution))),
    )


def _inputs(memory: list[Feature], rows: int, columns: int) -> tuple[list[Tensor], Tensor]:
    size = (rows * PYRAMID[-1].stride, columns * PYRAMID[-1].stride)
    (mask_features,) = random_maps([Feature(MASK_DIM, PYRAMID[0].stride)], size)
    return random_maps(memory, size), mask_features


def _run(decoder: nn.Module, inputs: list[Tensor]) -> Outputs:
    return outputs_of(decoder(inputs[:-1], inputs[-1], **training_inputs(decoder, SIZE, NUM_CLASSES)))
