"""A postprocessor.

* `result_type` is SemanticResult, InstanceResult or PanopticResult, and it gives one of these per image of `sizes`, at
  that image's `output` size, keeping the promises of the type: label types and ranges, falling scores, distinct ids
  that map and list share.
* It takes a Prediction or a PixelPrediction, in float32 or bf16, leaves it as it was, and refuses the other by a
  SegkitError.
* Two calls give the same, and an image gets the same result alone as in a batch.
* What is plain is seen: one query of one class on the image, another on the padding, which is cut away.
* Where every query is certain of no object, there is no segment and no instance of any score.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from segkit.classes import Classes
from segkit.testing._common import CLASSES, named, refuses, seeded, trying
from segkit.testing._predictions import converted, image_of, random_prediction, tensors_in
from segkit.testing._results import KIND_NAMES, KINDS, check_result, same_results, shown_classes
from segkit.types import ImageSizes, InstanceResult, PanopticResult, PixelPrediction, Prediction, Result

PADDED = (32, 48)
SIZES = [ImageSizes(PADDED, (32, 41), (47, 60)), ImageSizes(PADDED, (21, 48), (21, 48))]
"""One image is enlarged, the other kept."""


@seeded()
def check_postprocessor(make: Callable[[Classes], Any]) -> None:
    """`make(classes)` builds the part. Raises AssertionError, saying in words what it does wrong."""
    for classes in (CLASSES, Classes.make(["only"], [False])):
        part = make(classes)
        who = named("postprocessor", part)
        result_type = getattr(part, "result_type", None)
        assert result_type in KINDS, f"{who} says result_type = {result_type!r}, where {KIND_NAMES} is promised"
        queries = _stripes(len(classes))
        pixels = PixelPrediction(3 * torch.randn(2, len(classes), 8, 12))
        taken = 0
        for prediction in (queries, pixels):
            if not refuses(who, f"on a {type(prediction).__name__}", partial(part, prediction, SIZES)):
                taken += 1
                _check_results(who, part, prediction, classes)
                _check_plain_case(who, part, prediction, classes)
                if prediction is queries:
                    _check_no_object(who, part, queries, classes)
        assert taken, f"{who} refuses a Prediction and a PixelPrediction alike, where it is promised to take one"


def _stripes(num_classes: int) -> Prediction:
    """Six queries, most of them certain of some class or of no object, each drawing a stripe of its own."""
    prediction = random_prediction(2, num_queries=6, num_classes=num_classes, size=(8, 12))
    stripes = torch.arange(12) // 2 == torch.arange(8)[:, None, None]  # (8, 1, w)
    features = torch.where(stripes, 6.0, -6.0) + torch.randn(2, 8, 8, 12)
    return Prediction(6 * prediction.class_logits, torch.eye(6, 8).repeat(2, 1, 1), features)


def _results(
    who: str, part: Any, prediction: Prediction | PixelPrediction, sizes: list[ImageSizes], classes: Classes, words: str
) -> list[Result]:
    """What the part result_type of it, checked; `words` say what is special about it."""
    situation = f"on a {type(prediction).__name__}{words}"
    with trying(who, situation):
        results: list[Result] = part(prediction, sizes)
    assert len(results) == len(sizes), f"{who} gives {len(results)} results for {len(sizes)} images {situation}"
    for index, (result, size) in enumerate(zip(results, sizes, strict=True)):
        assert type(result) is part.result_type, (
            f"{who} gives for image {index} a {type(result).__name__}, where it says result_type = "
            f"{part.result_type.__name__}"
        )
        check_result(f"{who} gives for image {index} {situation}", result, classes, size.output)
    return results


def _check_results(who: str, part: Any, prediction: Prediction | PixelPrediction, classes: Classes) -> None:
    before = {name: tensor.clone() for name, tensor in tensors_in(prediction)}
    results = _results(who, part, prediction, SIZES, classes, "")
    for name, tensor in tensors_in(prediction):
        assert torch.equal(tensor, before[name]), (
            f"{who} changes the {name} it is given in place, which others may still need"
        )
    again = _results(who, part, prediction, SIZES, classes, "")
    repeated = all(same_results(one, other) for one, other in zip(results, again, strict=True))
    assert repeated, f"{who} gives two answers to two calls with the same prediction"
    _results(who, part, converted(prediction, torch.bfloat16), SIZES, classes, " in bf16")
    for index, result in enumerate(results):
        (alone,) = _results(who, part, image_of(prediction, index), SIZES[index : index + 1], classes, " of one image")
        assert same_results(result, alone), f"{who} answers image {index} otherwise alone than in a batch"


def _check_plain_case(who: str, part: Any, prediction: Prediction | PixelPrediction, classes: Classes) -> None:
    """The first class on the image, the left half of the batch's width; the last class on the padding."""
    left = (torch.arange(12) < 6).expand(8, 12)
    regions = torch.stack([left, ~left]).float()[None] * 32 - 16  # (1, 2, h, w)
    plain: Prediction | PixelPrediction
    if isinstance(prediction, Prediction):
        class_logits = torch.full((1, 2, len(classes) + 1), -16.0)
        class_logits[0, 0, 0] = class_logits[0, 1, -2] = 16
        plain = Prediction(class_logits, dense_mask_logits=regions)
    else:
        plain = PixelPrediction(torch.full((1, len(classes), 8, 12), -99.0))
        plain.pixel_logits[0, -1], plain.pixel_logits[0, 0] = regions[0, 1], regions[0, 0]
    sizes = [ImageSizes(PADDED, (32, 24), (16, 12))]
    (result,) = _results(who, part, plain, sizes, classes, " of which half is padding")
    shown = shown_classes(result)[:, :10]  # the mask's border is soft
    wrong = int((shown != 0).sum())
    assert wrong == 0, (
        f"{who} shows on {wrong} of {shown.numel()} pixels another class than the one that fills the image; the "
        "others lie on padding, which is promised to be cut away"
    )


def _check_no_object(who: str, part: Any, prediction: Prediction, classes: Classes) -> None:
    class_logits = torch.full_like(prediction.class_logits, -50)
    class_logits[..., -1] = 50
    certain = Prediction(class_logits, dense_mask_logits=prediction.mask_logits)
    for result in _results(who, part, certain, SIZES, classes, " without objects"):
        segments = len(result.segments) if isinstance(result, PanopticResult) else 0
        assert segments == 0, f"{who} gives {segments} segments where every query is certain of no object"
        scores = result.scores.tolist() if isinstance(result, InstanceResult) else []
        assert all(score < 1e-3 for score in scores), (
            f"{who} gives an instance of score {max(scores):.3g} where every query is certain of no object"
        )
