"""The contract of a model.

* It publishes `size_divisor`, a whole number of at least 1, and takes images whose sides are multiples of it, with and
  without the sizes of the unpadded images. They are uint8 RGB, or of the `pixel_format` that it publishes.
* If it publishes `parameter_layers`, these name parameters of its own, each once.
* It returns a well-formed Prediction or PixelPrediction, with the shapes of `segkit.types` in every layer, all finite.
* If its `forward` names `targets`, it takes those of images with and without segments in training, returns as many
  layers for both, and a gradient reaches every parameter.
* Gradients reach every parameter, and all else that `segkit.testing._modules` lists.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from segkit.registries import Model
from segkit.testing._common import named, refuse_built, seeded, trying
from segkit.testing._inputs import check_targets, training_inputs
from segkit.testing._layers import check_layers
from segkit.testing._modules import (
    Outputs,
    Trial,
    as_module,
    check_meta,
    check_module,
    published,
    warn_unless_compilable,
)
from segkit.testing._predictions import check_prediction, outputs_of
from segkit.types import Size, pixel_format_of

NUM_CLASSES = 4


@seeded()
def check_model(make: Callable[[int], Model]) -> None:
    """Checks a model.

    Args:
        make: Builds the part for a number of classes.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.backbones.timm import TimmBackbone
        >>> from segkit.models.per_pixel import PerPixel
        >>> from segkit.pixel_decoders.fpn import FPN
        >>> def make(num_classes):
        ...     backbone = TimmBackbone(name="resnet10t")
        ...     return PerPixel(backbone, FPN(backbone.features, hidden_dim=32, mask_dim=16), num_classes)
        >>> check_model(make)
    """
    refuse_built("model", make)
    model = make(NUM_CLASSES)
    module = as_module("model", model)
    who = named("model", model)
    divisor = published(who, model, "size_divisor", int, "a whole number of at least 1")
    assert divisor > 0, f"{who} publishes size_divisor = {divisor}. The contract asks for a whole number of at least 1."
    check_layers(who, module, whole=False)
    module.eval()
    for rows, columns in ((1, 1), (2, 3), (3, 2)):
        size = (rows * divisor, columns * divisor)
        images = _images(model, size)
        # One image with padding, one without.
        unpadded = (max(1, size[0] - divisor // 2), size[1])
        for sizes, words in ((None, "without sizes"), ([unpadded, size], "with the sizes of the images")):
            with trying(who, f"on images of {size[0]}x{size[1]}, {pixel_format_of(model)}, {words}"), torch.no_grad():
                prediction = model(images, sizes)
            check_prediction(who, prediction, NUM_CLASSES, None)
    # No gradient to reach: the images are integers.
    images = _images(model, (2 * divisor, 3 * divisor))
    trial = Trial(who, module, {"images": images}, _run, reached={})
    check_module(trial, as_module("model", make(NUM_CLASSES)))
    check_targets(who, module, (2 * divisor, 3 * divisor), NUM_CLASSES, partial(module, images, None))
    warn_unless_compilable(trial)
    check_meta(who, lambda: make(NUM_CLASSES))


def _images(model: object, size: Size) -> Tensor:
    pixels = pixel_format_of(model)
    return torch.randint(0, torch.iinfo(pixels.dtype).max + 1, (2, pixels.channels, *size), dtype=pixels.dtype)


def _run(model: nn.Module, inputs: list[Tensor]) -> Outputs:
    size = int(inputs[0].shape[-2]), int(inputs[0].shape[-1])
    return outputs_of(model(inputs[0], **training_inputs(model, size, NUM_CLASSES)))
