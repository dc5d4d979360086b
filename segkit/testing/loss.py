"""A loss, by what it says it takes.

* Every one: `input_type` is 'classes', 'masks' or 'prediction'; the values have the shape promised, are finite, and
  carry a finite gradient that is not zero, to the logits and to the loss's own parameters; also on logits of 1e4 either
  way, on bf16 logits under autocast, and where the truth is empty (no matched query, no mask, no segment, no valid
  pixel).
* 'classes' and 'masks': what is right scores lower than what is wrong.
* 'masks': one value per mask that depends on that mask alone, so that masks may be fed in pieces; pixels that are not
  valid do not count.
* 'prediction': it takes a Prediction with matches, or a PixelPrediction without, and refuses the other by a
  SegkitError.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from segkit.testing._common import described, difference, named, refuses, seeded, shape_of, trying
from segkit.testing._modules import check_is_module, check_parameter_gradients
from segkit.testing._predictions import converted, random_prediction, tensors_in
from segkit.testing._samples import halves, no_segment
from segkit.types import Match, PixelPrediction, Prediction, Target

SHAPES = ("classes", "masks", "prediction")
SIZE = (32, 48)
EXTREME = "on logits of 1e4 either way"
HALF = "on bf16 logits under autocast"


@seeded()
def check_loss(loss: nn.Module, num_classes: int = 3) -> None:
    """`loss` is built for a list of `num_classes` classes. Raises AssertionError, saying in words what it does
    wrong."""
    check_is_module("loss", loss)
    who = named("loss", loss)
    input_type = getattr(loss, "input_type", None)
    assert input_type in SHAPES, (
        f"{who} says input_type = {input_type!r}, where 'classes', 'masks' or 'prediction' is promised"
    )
    if input_type == "classes":
        _check_class_loss(who, loss, num_classes)
    elif input_type == "masks":
        _check_mask_loss(who, loss)
    else:
        _check_prediction_loss(who, loss, num_classes)


def _scored(
    who: str,
    situation: str,
    score: Callable[[], Tensor],
    leaves: list[Tensor],
    shape: tuple[int, ...],
    flat: bool = False,
) -> Tensor:
    """The loss's value, whose shape, finiteness and gradient are as promised; `flat`: the gradient may be zero."""
    with trying(who, situation):
        value = score()
    good = isinstance(value, Tensor) and value.is_floating_point() and shape_of(value) == shape
    assert good, f"{who} gives a value {described(value)} {situation}, where a floating tensor {shape} is promised"
    assert value.isfinite().all(), f"{who} gives {value.tolist()} {situation}, where finite values are promised"
    assert value.requires_grad, f"{who} gives a value that carries no gradient {situation}"
    gradients = torch.autograd.grad(value.sum(), leaves, retain_graph=True, allow_unused=True)
    reached = [gradient for gradient in gradients if gradient is not None]
    assert all(bool(gradient.isfinite().all()) for gradient in reached), (
        f"{who} gives the logits a gradient that is not finite {situation}"
    )
    assert flat or any(bool(gradient.any()) for gradient in reached), f"{who} gives the logits no gradient {situation}"
    return value.detach()


def _check_class_loss(who: str, loss: nn.Module, num_classes: int) -> None:
    shape = (2, 6, num_classes + 1)
    classes = torch.randint(0, num_classes + 1, shape[:2])
    nothing = torch.full_like(classes, num_classes)
    logits = torch.randn(shape, requires_grad=True)
    extreme = _extreme(shape)
    half = torch.randn(shape, dtype=torch.bfloat16, requires_grad=True)
    _scored(who, "on logits and classes", lambda: loss(logits, classes), [logits], ())
    _scored(who, "where all queries are without object", lambda: loss(logits, nothing), [logits], ())
    _scored(who, EXTREME, lambda: loss(extreme, classes), [extreme], (), flat=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _scored(who, HALF, lambda: loss(half, classes), [half], ())
    check_parameter_gradients(who, loss, loss(logits, classes))
    right = 8 * torch.nn.functional.one_hot(classes, num_classes + 1).float()
    _check_order(who, loss(right, classes).item(), loss(-right, classes).item())


def _check_mask_loss(who: str, loss: nn.Module) -> None:
    truth = (torch.rand(3, 50) > 0.5).float()
    logits = torch.randn(3, 50, requires_grad=True)
    extreme = _extreme((3, 50))
    empty = torch.zeros(0, 50, requires_grad=True)
    half = torch.randn(3, 50, dtype=torch.bfloat16, requires_grad=True)
    some, none = torch.rand(3, 50) > 0.5, torch.zeros(3, 50, dtype=torch.bool)
    _scored(who, "where some pixels are valid", lambda: loss(logits, truth, some), [logits], (3,))
    _scored(who, "where all pixels are valid", lambda: loss(logits, truth, None), [logits], (3,))
    _scored(who, "where no pixel is valid", lambda: loss(logits, truth, none), [logits], (3,), flat=True)
    _scored(who, "on no mask", lambda: loss(empty, empty.detach(), None), [empty], (0,), flat=True)
    _scored(who, EXTREME, lambda: loss(extreme, truth, some), [extreme], (3,), flat=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _scored(who, HALF, lambda: loss(half, truth, None), [half], (3,))
    check_parameter_gradients(who, loss, loss(logits, truth, None).sum())
    _check_independence(who, loss, logits.detach(), truth, some)
    right = 8 * truth - 4
    _check_order(who, loss(right, truth, None).sum().item(), loss(-right, truth, None).sum().item())


def _check_independence(who: str, loss: nn.Module, logits: Tensor, truth: Tensor, valid: Tensor) -> None:
    """A mask's value depends on its valid pixels and on nothing else."""
    together = loss(logits, truth, valid)
    alone = torch.cat([loss(logits[[index]], truth[[index]], valid[[index]]) for index in range(len(logits))])
    assert not difference(together, alone), (
        f"{who} gives {_rounded(together)} for three masks and {_rounded(alone)} for each alone, where a mask's value "
        "is promised to depend on that mask only"
    )
    elsewhere = loss(torch.where(valid, logits, -3 * logits), torch.where(valid, truth, 1 - truth), valid)
    assert not difference(together, elsewhere), (
        f"{who} gives {_rounded(together)}, and {_rounded(elsewhere)} once the pixels that are not valid have changed, "
        "where they are promised not to count"
    )


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 3) for value in values.tolist()]


def _extreme(shape: tuple[int, ...]) -> Tensor:
    return torch.where(torch.rand(shape) > 0.5, 1e4, -1e4).requires_grad_()


def _check_order(who: str, right: float, wrong: float) -> None:
    assert right < wrong, f"{who} gives {right:.3g} for what is right and {wrong:.3g} for what is wrong"


def _check_prediction_loss(who: str, loss: nn.Module, num_classes: int) -> None:
    queries = random_prediction(2, num_queries=5, num_classes=num_classes, size=(8, 12))
    pixels = PixelPrediction(torch.randn(2, num_classes, 8, 12))
    targets = [halves(SIZE, (0, num_classes - 1), torch.rand(SIZE) > 0.3), no_segment(SIZE)]
    matches = [(torch.tensor([1, 4]), torch.tensor([1, 0])), _no_match()]
    refused = 0
    if refuses(who, "on a Prediction", lambda: loss(queries, targets, matches)):
        refused += 1
    else:
        _check_on_prediction(who, loss, queries, targets, matches)
    if refuses(who, "on a PixelPrediction", lambda: loss(pixels, targets, None)):
        refused += 1
    else:
        _check_on_prediction(who, loss, pixels, targets, None)
    assert refused < 2, f"{who} refuses a Prediction and a PixelPrediction alike, where it is promised to take one"


def _check_on_prediction(
    who: str,
    loss: nn.Module,
    prediction: Prediction | PixelPrediction,
    targets: list[Target],
    matches: list[Match] | None,
) -> None:
    kind = type(prediction).__name__
    nothing = [no_segment(SIZE), no_segment(SIZE)]
    void = [halves(SIZE, (0, 1), torch.zeros(SIZE, dtype=torch.bool)) for _ in range(2)]
    no_matches = None if matches is None else [_no_match(), _no_match()]
    half = converted(prediction, torch.bfloat16)
    for situation, given, truth, pairs, flat in (
        (f"on a {kind}", prediction, targets, matches, False),
        (f"on a {kind} of images without segments", prediction, nothing, no_matches, True),
        (f"on a {kind} of images without a valid pixel", prediction, void, no_matches, True),
        (f"on a {kind} with logits of about 1e4", _scaled(prediction), targets, matches, True),
        (f"on a {kind} in bf16 under autocast", half, targets, matches, False),
    ):
        leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in tensors_in(given)}
        leaf = replace(given, **leaves)  # type: ignore[arg-type]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=given is half):
            value = _scored(who, situation, partial(loss, leaf, truth, pairs), list(leaves.values()), (), flat)
    check_parameter_gradients(who, loss, value)


def _no_match() -> Match:
    return torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)


def _scaled(prediction: Prediction | PixelPrediction) -> Prediction | PixelPrediction:
    """With logits ten thousand times as large."""
    if isinstance(prediction, PixelPrediction):
        return PixelPrediction(1e4 * prediction.pixel_logits)
    assert prediction.mask_embeddings is not None
    return replace(
        prediction, class_logits=1e4 * prediction.class_logits, mask_embeddings=1e4 * prediction.mask_embeddings
    )
