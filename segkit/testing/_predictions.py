"""Predictions: inputs for parts, and checks of their form."""

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import fields, replace
from typing import TypeVar

import torch
from torch import Tensor

from segkit.criterion.match_checks import problem_of_matches
from segkit.errors import with_article
from segkit.testing._common import described, shape_of, trying
from segkit.testing._modules import Outputs
from segkit.types import PixelPrediction, Prediction, Size, Target

P = TypeVar("P", bound=Prediction | PixelPrediction)


def random_prediction(batch: int, num_queries: int, num_classes: int, size: Size, layers: int = 1) -> Prediction:
    """Returns a random prediction whose masks, of `size`, are products, in every layer."""
    # All decoder layers share the mask features, as in a model.
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


def converted(prediction: P, dtype: torch.dtype) -> P:
    """Returns the prediction as a model that computes in `dtype` would."""
    return with_tensors(prediction, {name: tensor.to(dtype) for name, tensor in tensors_in(prediction)})


def image_of(prediction: P, image: int) -> P:
    """Returns the prediction of one image, as a batch of one."""
    return with_tensors(prediction, {name: tensor[image : image + 1] for name, tensor in tensors_in(prediction)})


def with_tensors(prediction: P, tensors: Mapping[str, Tensor]) -> P:
    """Returns the prediction with other tensors in its last layer."""
    changed = copy(prediction)  # shallow: the auxiliary layers stay the same objects
    for name, tensor in tensors.items():
        setattr(changed, name, tensor)
    return changed


def tensors_in(prediction: Prediction | PixelPrediction) -> Iterator[tuple[str, Tensor]]:
    """Yields the tensors of the last layer, with the names of their fields."""
    for field in fields(prediction):
        value = getattr(prediction, field.name)
        if isinstance(value, Tensor):
            yield field.name, value


def outputs_of(prediction: Prediction | PixelPrediction) -> Outputs:
    """Returns the logits of all layers, by their names in error messages."""
    named = [_logits_of(layer) for layer in prediction.layers]
    return {f"{name} of layer {index}": logits for index, layer in enumerate(named) for name, logits in layer.items()}


def _logits_of(layer: Prediction | PixelPrediction) -> Outputs:
    if isinstance(layer, PixelPrediction):
        return {"pixel logits": layer.pixel_logits}
    quality = {} if layer.mask_quality is None else {"mask quality": layer.mask_quality}
    return {"class logits": layer.class_logits, "mask logits": layer.mask_logits, **quality}


def check_prediction(who: str, prediction: object, num_classes: int, size: Size | None) -> None:
    """Checks that `prediction` is a Prediction or PixelPrediction of two images.

    `size` is the size that its masks must have, or None.
    """
    assert isinstance(prediction, Prediction | PixelPrediction), (
        f"{who} returns {with_article(type(prediction).__name__)}. Return a Prediction or PixelPrediction of "
        "segkit.types."
    )
    for number, layer in enumerate(prediction.layers):
        subject = f"{who} returns in layer {number}"
        assert type(layer) is type(prediction), (
            f"{subject} {with_article(type(layer).__name__)} beside "
            f"{with_article(type(prediction).__name__)}. Return one type in all layers."
        )
        assert layer is prediction or not layer.auxiliary, (
            f"{subject} auxiliary layers of its own. Give them to the last layer only."
        )
        if isinstance(layer, Prediction):
            size = _check_queries(who, subject, layer, num_classes, size)
            assert layer is not prediction or layer.matches is None, (
                f"{subject} matches of its own. Only auxiliary predictions may have them: the last one is the answer."
            )
        else:
            size = _check_pixels(subject, layer, num_classes, size)
        for name, logits in _logits_of(layer).items():
            assert logits.is_floating_point(), (
                f"{subject} {name} of {logits.dtype}. The contract asks for a floating-point type."
            )
            assert logits.isfinite().all(), f"{subject} {name} with nan or infinite values. Return finite values."


def _check_queries(who: str, subject: str, layer: Prediction, num_classes: int, size: Size | None) -> Size:
    expected = (2, layer.num_queries, num_classes + 1)
    assert shape_of(layer.class_logits) == expected, (
        f"{subject} class_logits of {shape_of(layer.class_logits)}. The contract asks for (B,Q,K+1) = {expected}."
    )
    with trying(who, "when its mask_logits are computed"):
        mask_logits = layer.mask_logits
    size = size or (mask_logits.shape[-2], mask_logits.shape[-1])
    wanted = (*expected[:2], *size)
    assert shape_of(mask_logits) == wanted, (
        f"{subject} mask_logits of {shape_of(mask_logits)}. The contract asks for (B,Q,h,w) = {wanted}."
    )
    if layer.mask_quality is not None:
        quality = layer.mask_quality
        good = shape_of(quality) == expected[:2] and bool(((quality >= 0) & (quality <= 1)).all())
        assert good, (
            f"{subject} mask_quality {described(quality)}. The contract asks for (B,Q) = {expected[:2]} of values in "
            "0..1."
        )
    return size


def check_matches(who: str, prediction: Prediction, targets: list[Target]) -> None:
    """Checks the matches that layers of a prediction bring."""
    for number, layer in enumerate(prediction.layers):
        if layer.matches is None:
            continue
        problem = problem_of_matches(layer.matches, targets, layer.num_queries, once=False)
        assert not problem, f"{who} gives in layer {number} {problem}."


def _check_pixels(subject: str, layer: PixelPrediction, num_classes: int, size: Size | None) -> Size:
    size = size or (layer.pixel_logits.shape[-2], layer.pixel_logits.shape[-1])
    wanted = (2, num_classes, *size)
    assert shape_of(layer.pixel_logits) == wanted, (
        f"{subject} pixel_logits of {shape_of(layer.pixel_logits)}. The contract asks for (B,K,h,w) = {wanted}."
    )
    return size
