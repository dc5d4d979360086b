"""The contract of a loss, by its `input_type`.

* All: `input_type` is 'classes', 'masks' or 'prediction'. The values have the right shape and are finite. A finite
  gradient other than 0 reaches the logits and the loss's own parameters. This also holds for logits of 1e4 and -1e4,
  for bf16 logits under autocast, and for empty targets (no matched query, no mask, no segment, no valid pixel).
* If it changes with the step (`on_step`), its value at a step does not depend on the steps before.
* 'classes' and 'masks': a right prediction has a lower loss than a wrong one.
* 'classes' and 'prediction': the value is a mean over images, each weighted by what the optional method `normalizer`
  returns for it, so that the batches of several processes make the loss of one large batch.
* 'masks': one value per mask, which depends on that mask alone, so that the criterion may pass masks in chunks; pixels
  that are not valid do not count.
* 'prediction': it takes a Prediction with matches, or a PixelPrediction without. It raises a SegkitError for the other.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from segkit.registries import Loss
from segkit.registries.losses import ClassNormalizer, TargetNormalizer
from segkit.testing._common import described, difference, named, refuses, seeded, shape_of, trying
from segkit.testing._modules import as_module, check_parameter_gradients, check_steps
from segkit.testing._predictions import converted, random_prediction, tensors_in, with_tensors
from segkit.testing._samples import halves, no_segment
from segkit.types import Match, PixelPrediction, Prediction, Target

SHAPES = ("classes", "masks", "prediction")
SIZE = (32, 48)
EXTREME = "on logits of 1e4 and -1e4"
HALF = "on bf16 logits under autocast"


@seeded()
def check_loss(loss: Loss, num_classes: int = 3) -> None:
    """Checks a built loss.

    Args:
        loss: The part.
        num_classes: The number of classes it was built for.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.losses.dice import Dice
        >>> check_loss(Dice())
    """
    module = as_module("loss", loss)
    who = named("loss", loss)
    input_type = getattr(loss, "input_type", None)
    assert input_type in SHAPES, (
        f"{who} publishes input_type = {input_type!r}. The contract asks for 'classes', 'masks' or 'prediction'."
    )
    if input_type == "classes":
        _check_class_loss(who, module, num_classes)
    elif input_type == "masks":
        _check_mask_loss(who, module)
    else:
        _check_prediction_loss(who, module, num_classes)


def _valued(
    who: str,
    situation: str,
    compute: Callable[[], Tensor],
    leaves: list[Tensor],
    shape: tuple[int, ...],
    flat: bool = False,
) -> Tensor:
    """Returns the loss's value after checking its shape, finiteness and gradient.

    Args:
        who: The part.
        situation: What it is tried on, for error messages.
        compute: Computes the value.
        leaves: The tensors that a gradient must reach.
        shape: The shape that the value must have.
        flat: Whether the gradient may be 0.
    """
    with trying(who, situation):
        value = compute()
    good = isinstance(value, Tensor) and value.is_floating_point() and shape_of(value) == shape
    assert good, (
        f"{who} returns a value {described(value)} {situation}. The contract asks for a floating-point tensor {shape}."
    )
    assert value.isfinite().all(), f"{who} returns {value.tolist()} {situation}. Return finite values."
    assert value.requires_grad, (
        f"{who} returns a value without a gradient {situation}. Compute it from the logits, times 0 if there is "
        "nothing to compare."
    )
    # allow_unused: a loss need not use every tensor of a prediction.
    gradients = torch.autograd.grad(value.sum(), leaves, retain_graph=True, allow_unused=True)
    reached = [gradient for gradient in gradients if gradient is not None]
    assert all(bool(gradient.isfinite().all()) for gradient in reached), (
        f"{who} passes a nan or infinite gradient to the logits {situation}. Guard divisions, roots and logarithms."
    )
    assert flat or any(bool(gradient.any()) for gradient in reached), (
        f"{who} passes no gradient to the logits {situation}. Do not detach or round them."
    )
    return value.detach()


def _check_class_loss(who: str, loss: nn.Module, num_classes: int) -> None:
    shape = (2, 6, num_classes + 1)
    classes = torch.randint(0, num_classes + 1, shape[:2])
    nothing = torch.full_like(classes, num_classes)
    logits = torch.randn(shape, requires_grad=True)
    extreme = _extreme(shape)
    half = torch.randn(shape, dtype=torch.bfloat16, requires_grad=True)
    check_steps(who, loss, lambda: {"values": loss(logits, classes)})
    _valued(who, "on logits and classes", lambda: loss(logits, classes), [logits], ())
    _valued(who, "where no query has an object", lambda: loss(logits, nothing), [logits], ())
    _valued(who, EXTREME, lambda: loss(extreme, classes), [extreme], (), flat=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _valued(who, HALF, lambda: loss(half, classes), [half], ())
    check_parameter_gradients(who, loss, loss(logits, classes))
    # Logits of 8 mean a probability of almost 1, without overflow in any loss.
    right = 8 * torch.nn.functional.one_hot(classes, num_classes + 1).float()
    _check_order(who, loss(right, classes).item(), loss(-right, classes).item())
    # Images that differ in weight: no query of the first has an object, all queries of the second have one.
    _check_class_mean(who, loss, logits.detach(), torch.stack([nothing[0], classes[1].clamp(max=num_classes - 1)]))


def _check_class_mean(who: str, loss: nn.Module, logits: Tensor, class_index: Tensor) -> None:
    """Checks the value of an image without an object and one without an unmatched query, together and alone."""
    mixed = torch.arange(class_index.shape[1])[None].clamp(max=logits.shape[-1] - 1)
    assert not difference(_class_normalizer(loss, mixed), _class_normalizer(loss, mixed.flip(1))), (
        f"{who} has a normalizer that depends on the order of the queries. Compute it from how often each class occurs."
    )
    images = [slice(0, 1), slice(1, 2)]
    _check_mean(
        who,
        loss(logits, class_index),
        torch.stack([loss(logits[image], class_index[image]) for image in images]),
        [_class_normalizer(loss, class_index[image]) for image in images],
    )


def _class_normalizer(loss: nn.Module, class_index: Tensor) -> Tensor:
    number = loss.normalizer(class_index) if isinstance(loss, ClassNormalizer) else torch.tensor(len(class_index))
    return number.float()


def _target_normalizer(loss: nn.Module, target: Target) -> Tensor:
    number = loss.normalizer([target]) if isinstance(loss, TargetNormalizer) else torch.tensor(1)
    return number.float()


def _check_mean(who: str, together: Tensor, alone: Tensor, normalizers: list[Tensor]) -> None:
    """Checks that the value of two images is the mean of their own values, weighted by their normalizers."""
    weights = torch.stack(normalizers)
    mean = (alone * weights).sum() / weights.sum()
    assert not difference(together, mean), (
        f"{who} returns {together.item():.4g} for two images, and {_rounded(alone)} for each alone with normalizers "
        f"{_rounded(weights)}, whose mean is {mean.item():.4g}. Return a mean over images, or add a method "
        "'normalizer' that returns what the sum over the images is divided by."
    )


def _check_mask_loss(who: str, loss: nn.Module) -> None:
    target = (torch.rand(3, 50) > 0.5).float()
    logits = torch.randn(3, 50, requires_grad=True)
    extreme = _extreme((3, 50))
    empty = torch.zeros(0, 50, requires_grad=True)
    half = torch.randn(3, 50, dtype=torch.bfloat16, requires_grad=True)
    some, none = torch.rand(3, 50) > 0.5, torch.zeros(3, 50, dtype=torch.bool)
    check_steps(who, loss, lambda: {"values": loss(logits, target, some)})
    _valued(who, "where some pixels are valid", lambda: loss(logits, target, some), [logits], (3,))
    _valued(who, "where all pixels are valid", lambda: loss(logits, target, None), [logits], (3,))
    _valued(who, "where no pixel is valid", lambda: loss(logits, target, none), [logits], (3,), flat=True)
    _valued(who, "on 0 masks", lambda: loss(empty, empty.detach(), None), [empty], (0,), flat=True)
    _valued(who, EXTREME, lambda: loss(extreme, target, some), [extreme], (3,), flat=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _valued(who, HALF, lambda: loss(half, target, None), [half], (3,))
    check_parameter_gradients(who, loss, loss(logits, target, None).sum())
    _check_independence(who, loss, logits.detach(), target, some)
    right = 8 * target - 4
    _check_order(who, loss(right, target, None).sum().item(), loss(-right, target, None).sum().item())


def _check_independence(who: str, loss: nn.Module, logits: Tensor, target: Tensor, valid: Tensor) -> None:
    """Checks that a mask's value depends on its valid pixels only."""
    together = loss(logits, target, valid)
    alone = torch.cat([loss(logits[[index]], target[[index]], valid[[index]]) for index in range(len(logits))])
    assert not difference(together, alone), (
        f"{who} returns {_rounded(together)} for three masks and {_rounded(alone)} for each alone. Compute the value "
        "of a mask from that mask only."
    )
    # Other logits and targets at the pixels that are not valid.
    elsewhere = loss(torch.where(valid, logits, -3 * logits), torch.where(valid, target, 1 - target), valid)
    assert not difference(together, elsewhere), (
        f"{who} returns {_rounded(together)}, and {_rounded(elsewhere)} after a change of pixels that are not valid. "
        "Leave these pixels out."
    )


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 3) for value in values.tolist()]


def _extreme(shape: tuple[int, ...]) -> Tensor:
    return torch.where(torch.rand(shape) > 0.5, 1e4, -1e4).requires_grad_()


def _check_order(who: str, right: float, wrong: float) -> None:
    assert right < wrong, (
        f"{who} returns {right:.3g} for a right prediction and {wrong:.3g} for a wrong one. The right one "
        "must be lower."
    )


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
    assert refused < 2, f"{who} refuses both a Prediction and a PixelPrediction. Support at least one of them."


def _check_on_prediction(
    who: str,
    loss: nn.Module,
    prediction: Prediction | PixelPrediction,
    targets: list[Target],
    matches: list[Match] | None,
) -> None:
    kind = type(prediction).__name__
    check_steps(who, loss, lambda: {"values": loss(prediction, targets, matches)})
    nothing = [no_segment(SIZE), no_segment(SIZE)]
    void = [halves(SIZE, (0, 1), torch.zeros(SIZE, dtype=torch.bool)) for _ in range(2)]
    no_matches = None if matches is None else [_no_match(), _no_match()]
    half = converted(prediction, torch.bfloat16)
    # flat: without segments or valid pixels, and for saturated logits, a gradient of 0 is right.
    for situation, given, target, pairs, flat in (
        (f"on a {kind}", prediction, targets, matches, False),
        (f"on a {kind} of images without segments", prediction, nothing, no_matches, True),
        (f"on a {kind} of images without a valid pixel", prediction, void, no_matches, True),
        (f"on a {kind} with logits of about 1e4", _scaled(prediction), targets, matches, True),
        (f"on a {kind} in bf16 under autocast", half, targets, matches, False),
    ):
        leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in tensors_in(given)}
        leaf = with_tensors(given, leaves)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=given is half):
            value = _valued(who, situation, partial(loss, leaf, target, pairs), list(leaves.values()), (), flat)
    check_parameter_gradients(who, loss, value)
    parts = [with_tensors(prediction, {n: t[[i]] for n, t in tensors_in(prediction)}) for i in range(2)]
    with torch.no_grad():
        _check_mean(
            who,
            loss(prediction, targets, matches),
            torch.stack(
                [loss(parts[i], targets[i : i + 1], None if matches is None else matches[i : i + 1]) for i in range(2)]
            ),
            [_target_normalizer(loss, target) for target in targets],
        )


def _no_match() -> Match:
    return torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)


def _scaled(prediction: Prediction | PixelPrediction) -> Prediction | PixelPrediction:
    """Returns the prediction with logits 1e4 times as large."""
    if isinstance(prediction, PixelPrediction):
        return PixelPrediction(1e4 * prediction.pixel_logits)
    assert prediction.mask_embeddings is not None
    return replace(
        prediction, class_logits=1e4 * prediction.class_logits, mask_embeddings=1e4 * prediction.mask_embeddings
    )
