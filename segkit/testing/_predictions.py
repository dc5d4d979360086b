"""Predictions: some to try parts with, and whether one is well formed."""

from collections.abc import Iterator
from dataclasses import fields, replace

import torch
from torch import Tensor

from segkit.testing._common import shape_of, trying
from segkit.testing._modules import Outputs
from segkit.types import PixelPrediction, Prediction, Size


def random_prediction(batch: int, num_queries: int, num_classes: int, size: Size, layers: int = 1) -> Prediction:
    """Masks of `size` that are products, in every one of the layers."""
    features = torch.randn(batch, 8, *size)
    made = [
        Prediction(
            torch.randn(batch, num_queries, num_classes + 1),
            mask_embeddings=torch.randn(batch, num_queries, 8),
            mask_features=features,
        )
        for _ in range(layers)
    ]
    return replace(made[-1], auxiliary=made[:-1])


def converted(prediction: Prediction | PixelPrediction, dtype: torch.dtype) -> Prediction | PixelPrediction:
    """As a model gives it that computes in `dtype`."""
    tensors = {name: tensor.to(dtype) for name, tensor in tensors_in(prediction)}
    return replace(prediction, **tensors)  # type: ignore[arg-type]


def image_of(prediction: Prediction | PixelPrediction, image: int) -> Prediction | PixelPrediction:
    """What is said of one image, as a batch of one."""
    tensors = {name: tensor[image : image + 1] for name, tensor in tensors_in(prediction)}
    return replace(prediction, **tensors)  # type: ignore[arg-type]


def tensors_in(prediction: Prediction | PixelPrediction) -> Iterator[tuple[str, Tensor]]:
    """The tensors of the last layer by the names of their fields."""
    for field in fields(prediction):
        value = getattr(prediction, field.name)
        if isinstance(value, Tensor):
            yield field.name, value


def outputs_of(prediction: Prediction | PixelPrediction) -> Outputs:
    """The logits of all layers."""
    named = [_logits_of(layer) for layer in prediction.layers]
    return {f"{name} of layer {index}": logits for index, layer in enumerate(named) for name, logits in layer.items()}


def _logits_of(layer: Prediction | PixelPrediction) -> Outputs:
    if isinstance(layer, PixelPrediction):
        return {"pixel logits": layer.pixel_logits}
    return {"class logits": layer.class_logits, "mask logits": layer.mask_logits}


def check_prediction(who: str, prediction: object, num_classes: int, size: Size | None) -> None:
    """A Prediction or PixelPrediction of two images; `size` is that of its masks, None where it is free."""
    assert isinstance(prediction, Prediction | PixelPrediction), (
        f"{who} gives a {type(prediction).__name__}, where a Prediction or PixelPrediction is promised"
    )
    for number, layer in enumerate(prediction.layers):
        gives = f"{who} gives in layer {number}"
        assert type(layer) is type(prediction), f"{gives} a {type(layer).__name__} beside a {type(prediction).__name__}"
        assert layer is prediction or not layer.auxiliary, (
            f"{gives} auxiliary layers of its own, where only the last layer has them"
        )
        if isinstance(layer, Prediction):
            assert isinstance(prediction, Prediction)
            size = _check_queries(who, gives, layer, (2, prediction.num_queries, num_classes + 1), size)
        else:
            size = _check_pixels(gives, layer, num_classes, size)
        for name, logits in _logits_of(layer).items():
            assert logits.is_floating_point(), f"{gives} {name} of {logits.dtype}, where a floating type is promised"
            assert logits.isfinite().all(), f"{gives} {name} that are not finite"


def _check_queries(who: str, gives: str, layer: Prediction, expected: tuple[int, int, int], size: Size | None) -> Size:
    assert shape_of(layer.class_logits) == expected, (
        f"{gives} class_logits of {shape_of(layer.class_logits)}, where (B,Q,K+1) = {expected} is promised"
    )
    with trying(who, "when its mask_logits are asked for"):
        mask_logits = layer.mask_logits
    size = size or (mask_logits.shape[-2], mask_logits.shape[-1])
    promised = (*expected[:2], *size)
    assert shape_of(mask_logits) == promised, (
        f"{gives} mask_logits of {shape_of(mask_logits)}, where (B,Q,h,w) = {promised} is promised"
    )
    return size


def _check_pixels(gives: str, layer: PixelPrediction, num_classes: int, size: Size | None) -> Size:
    size = size or (layer.pixel_logits.shape[-2], layer.pixel_logits.shape[-1])
    promised = (2, num_classes, *size)
    assert shape_of(layer.pixel_logits) == promised, (
        f"{gives} pixel_logits of {shape_of(layer.pixel_logits)}, where (B,K,h,w) = {promised} is promised"
    )
    return size
