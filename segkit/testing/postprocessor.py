"""The contract of a postprocessor.

* `result_type` is SemanticResult, InstanceResult or PanopticResult, and it returns one of these per image of `sizes`,
  at that image's `output` size, in the form of the type: types and ranges of labels, scores from high to low, distinct
  ids that are the same in map and list.
* It takes a Prediction or a PixelPrediction, in float32 or bf16, leaves it unchanged, and raises a SegkitError for the
  other type.
* Two calls return the same, and an image gets the same result alone as in a batch.
* A clear case is right: a query of one class covers the image and another covers the padding, which is cut off.
* Where every query is certain of no object, or every mask is of quality 0, there is no segment, and no instance of a
  score above 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch

from segkit.classes import Classes
from segkit.errors import with_article
from segkit.registries import Postprocessor
from segkit.testing._common import CLASSES, named, refuse_built, refuses, seeded, trying
from segkit.testing._predictions import converted, image_of, random_prediction, tensors_in
from segkit.testing._results import check_result, published_result_type, same_results, shown_classes
from segkit.types import ImageSizes, InstanceResult, PanopticResult, PixelPrediction, Prediction, Result

PADDED = (32, 48)
SIZES = [ImageSizes(PADDED, (32, 41), (47, 60)), ImageSizes(PADDED, (21, 48), (21, 48))]
"""One image is enlarged, the other kept."""


@seeded()
def check_postprocessor(make: Callable[[Classes], Postprocessor]) -> None:
    """Checks a postprocessor.

    Args:
        make: Builds the part for a class list; the class itself, where its settings have defaults.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.build import build_part
        >>> from segkit.registries import POSTPROCESSORS
        >>> check_postprocessor(lambda classes: build_part(POSTPROCESSORS, {"type": "semantic"}, {"classes": classes}))
    """
    refuse_built("postprocessor", make)
    # The second list shows mistakes with a dimension of size 1, and with classes none of which is a thing.
    for classes in (CLASSES, Classes.make(["only"], [False])):
        part = make(classes)
        who = named("postprocessor", part)
        published_result_type(who, part)
        queries = _stripes(len(classes))
        pixels = PixelPrediction(3 * torch.randn(2, len(classes), 8, 12))
        supported = 0
        for prediction in (queries, pixels):
            if not refuses(who, f"on {with_article(type(prediction).__name__)}", partial(part, prediction, SIZES)):
                supported += 1
                _check_results(who, part, prediction, classes)
                _check_plain_case(who, part, prediction, classes)
                if prediction is queries:
                    _check_no_object(who, part, queries, classes)
        assert supported, f"{who} refuses both a Prediction and a PixelPrediction. Support at least one of them."


def _stripes(num_classes: int) -> Prediction:
    """Returns six queries, most of them certain of a class or of no object, each with a stripe as its mask."""
    prediction = random_prediction(2, num_queries=6, num_classes=num_classes, size=(8, 12))
    stripes = torch.arange(12) // 2 == torch.arange(8)[:, None, None]  # (E, 1, w)
    features = torch.where(stripes, 6.0, -6.0) + torch.randn(2, 8, 8, 12)
    return Prediction(6 * prediction.class_logits, torch.eye(6, 8).repeat(2, 1, 1), features)


def _results(
    who: str,
    part: Postprocessor,
    prediction: Prediction | PixelPrediction,
    sizes: list[ImageSizes],
    classes: Classes,
    words: str,
) -> Sequence[Result]:
    """Returns the part's results, checked; `words` tell error messages what is special about the prediction."""
    situation = f"on {with_article(type(prediction).__name__)}{words}"
    with trying(who, situation):
        results = part(prediction, sizes)
    assert len(results) == len(sizes), (
        f"{who} returns {len(results)} results for {len(sizes)} images {situation}. Return one per image."
    )
    for index, (result, size) in enumerate(zip(results, sizes, strict=True)):
        assert type(result) is part.result_type, (
            f"{who} returns {with_article(type(result).__name__)} for image {index}, but publishes result_type = "
            f"{part.result_type.__name__}. Return that type."
        )
        check_result(f"{who} returns for image {index} {situation}", result, classes, size.output)
    return results


def _check_results(who: str, part: Postprocessor, prediction: Prediction | PixelPrediction, classes: Classes) -> None:
    before = {name: tensor.clone() for name, tensor in tensors_in(prediction)}
    results = _results(who, part, prediction, SIZES, classes, "")
    for name, tensor in tensors_in(prediction):
        assert torch.equal(tensor, before[name]), (
            f"{who} changes the {name} of its input in place. Compute on a copy, because others still use the input."
        )
    again = _results(who, part, prediction, SIZES, classes, "")
    repeated = all(same_results(one, other) for one, other in zip(results, again, strict=True))
    assert repeated, f"{who} returns different results in two calls with the same prediction. Keep no state."
    _results(who, part, converted(prediction, torch.bfloat16), SIZES, classes, " in bf16")
    for index, result in enumerate(results):
        (alone,) = _results(who, part, image_of(prediction, index), SIZES[index : index + 1], classes, " of one image")
        assert same_results(result, alone), (
            f"{who} returns another result for image {index} alone than in a batch. Compute each image by itself."
        )


def _check_plain_case(
    who: str, part: Postprocessor, prediction: Prediction | PixelPrediction, classes: Classes
) -> None:
    """The first class covers the image, the left half of the batch's width; the last class covers the padding."""
    left = (torch.arange(12) < 6).expand(8, 12)
    # Logits of 16 and -16: probabilities of almost 1 and 0.
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
    shown = shown_classes(result)[:, :10]  # without the mask's border, which resizing blurs
    wrong = int((shown != 0).sum())
    assert wrong == 0, (
        f"{who} returns another class than the one that covers the image at {wrong} of {shown.numel()} pixels. Cut off "
        "the padding before resizing to the output size."
    )


def _check_no_object(who: str, part: Postprocessor, prediction: Prediction, classes: Classes) -> None:
    class_logits = torch.full_like(prediction.class_logits, -50)
    class_logits[..., -1] = 50
    certain = Prediction(class_logits, dense_mask_logits=prediction.mask_logits)
    segments, score = _found(_results(who, part, certain, SIZES, classes, " without objects"))
    assert segments == 0, (
        f"{who} returns {segments} segments where every query is certain of no object. Drop such queries."
    )
    assert score < 1e-3, (
        f"{who} returns an instance with score {score:.3g} where every query is certain of no object. Give it a score "
        "of 0, or drop it."
    )
    useless = replace(prediction, mask_quality=torch.zeros(prediction.class_logits.shape[:2]))
    segments, score = _found(_results(who, part, useless, SIZES, classes, " with masks of quality 0"))
    assert segments == 0, (
        f"{who} returns {segments} segments where every mask is of quality 0. Multiply mask_quality into the scores."
    )
    assert score == 0, (
        f"{who} returns an instance with score {score:.3g} where every mask is of quality 0. Multiply mask_quality "
        "into the scores."
    )


def _found(results: Sequence[Result]) -> tuple[int, float]:
    """Returns the number of segments of an image, and the best score of its instances, at most."""
    segments = [len(result.segments) for result in results if isinstance(result, PanopticResult)]
    scores = [score for result in results if isinstance(result, InstanceResult) for score in result.scores.tolist()]
    return max(segments, default=0), max(scores, default=0.0)
