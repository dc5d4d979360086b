"""A model.

* It publishes `size_divisor`, a whole number from 1, and takes uint8 images whose sides are multiples of it, with and
  without the sizes of what in them is image.
* It makes a well-formed Prediction or PixelPrediction: the shapes of its glossary in every layer, all finite.
* Gradients come to every parameter, and all else that `segkit.testing._modules` names.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from segkit.testing._common import named, seeded, trying
from segkit.testing._modules import (
    Outputs,
    Trial,
    check_is_module,
    check_meta,
    check_module,
    published,
    warn_unless_compilable,
)
from segkit.testing._predictions import check_prediction, outputs_of

NUM_CLASSES = 4


@seeded()
def check_model(make: Callable[[int], Any]) -> None:
    """`make(num_classes)` builds the part. Raises AssertionError, saying in words what it does wrong."""
    model = make(NUM_CLASSES)
    check_is_module("model", model)
    who = named("model", model)
    divisor = published(who, model, "size_divisor", int, "a whole number from 1")
    assert divisor > 0, f"{who} publishes size_divisor = {divisor}, where a whole number from 1 is promised"
    model.eval()
    for rows, columns in ((1, 1), (2, 3), (3, 2)):
        size = (rows * divisor, columns * divisor)
        images = _images(size)
        image = (max(1, size[0] - divisor // 2), size[1])
        for sizes, words in ((None, "without sizes"), ([image, size], "with the sizes of the images")):
            with trying(who, f"on uint8 images of {size[0]}x{size[1]} {words}"), torch.no_grad():
                prediction = model(images, sizes)
            check_prediction(who, prediction, NUM_CLASSES, None)
    trial = Trial(who, model, {"images": _images((2 * divisor, 3 * divisor))}, _run, reached={})
    check_module(trial, make(NUM_CLASSES))
    warn_unless_compilable(trial)
    check_meta(who, lambda: make(NUM_CLASSES))


def _images(size: tuple[int, int]) -> Tensor:
    return torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)


def _run(model: Any, inputs: list[Tensor]) -> Outputs:
    return outputs_of(model(inputs[0]))
