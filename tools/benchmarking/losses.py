"""Cases of matching and losses without a model: both programs get the same predictions and targets."""

from typing import Any

import torch
from torch import Tensor, nn

from benchmarking.case import Options, Workload
from benchmarking.equality import require_close, require_same
from benchmarking.inputs import CLASSES, NUM_CLASSES, drawn_layers, drawn_targets, their_targets
from benchmarking.peer import transformers
from segkit.build import build_part
from segkit.criterion import Criterion, WeightedLoss
from segkit.registries import LOSSES, MATCHERS
from segkit.types import Match, Prediction

MODELING = "models.maskformer.modeling_maskformer"
MASK_LOSSES = (("focal", 20.0), ("dice", 1.0))


def paper_criterion(compiled: bool) -> Criterion:
    """Returns a criterion with the weights of Cheng et al. 2021, section 4.

    Args:
        compiled: As the setting `criterion.compile`.
    """
    losses = [_weighted(name, weight) for name, weight in (("cross_entropy", 1.0), *MASK_LOSSES)]
    matcher = build_part(MATCHERS, {"type": "hungarian"})
    return Criterion(losses, matcher, deep_supervision=True, ignore_void=False, compiled=compiled)


def _weighted(name: str, weight: float) -> WeightedLoss:
    loss = build_part(LOSSES, {"type": name}, {"classes": CLASSES})
    assert isinstance(loss, nn.Module)
    return WeightedLoss(name, loss, weight)


def peer_criterion() -> Any:
    """Returns transformers' criterion with the same weights."""
    return transformers(MODELING).MaskFormerLoss(
        num_labels=NUM_CLASSES, matcher=peer_matcher(), weight_dict={}, eos_coef=0.1
    )


def peer_matcher() -> Any:
    return transformers(MODELING).MaskFormerHungarianMatcher(cost_class=1.0, cost_mask=20.0, cost_dice=1.0)


def weighted_sum(losses: dict[str, Tensor]) -> Tensor:
    """Returns the weighted sum of transformers' losses, which it returns without weights."""
    return torch.stack([value * (20.0 if "loss_mask" in name else 1.0) for name, value in losses.items()]).sum()


def matching(options: Options, images: int = 2, targets: int = 20, queries: int = 100, side: int = 512) -> Workload:
    """Prepares the matching of one layer whose masks are given."""
    side = options.side(side)
    annotated = drawn_targets(images, (side, side), targets, options.device)
    theirs = their_targets(annotated)
    layer = dense(drawn_layers(images, queries, (side // 4, side // 4), 1, options.device))
    matcher, peer = build_part(MATCHERS, {"type": "hungarian"}), peer_matcher()

    def ours_once() -> list[Match]:
        return matcher([layer], annotated)[0]

    def theirs_once() -> list[Match]:
        return peer(layer.mask_logits, layer.class_logits, **theirs)  # type: ignore[no-any-return]

    def check() -> None:
        for own, other in zip(ours_once(), theirs_once(), strict=True):
            require_same("matched queries", own[0].cpu(), other[0].cpu())
            require_same("matched targets", own[1].cpu(), other[1].cpu())

    work = f"matching, {images} images, {targets} targets each, {queries} queries, masks of {side // 4}x{side // 4}"
    return Workload(work, ours_once, theirs_once, check)


def mask_losses(
    options: Options, images: int = 2, targets: int = 20, queries: int = 100, side: int = 512, compiled: bool = False
) -> Workload:
    """Prepares focal and dice loss, with gradient, of one layer whose matching is given."""
    side = options.side(side)
    annotated = drawn_targets(images, (side, side), targets, options.device)
    masks = their_targets(annotated)["mask_labels"]
    layer = dense(drawn_layers(images, queries, (side // 4, side // 4), 1, options.device), leaf=True)
    logits = layer.dense_mask_logits
    assert logits is not None
    some = torch.arange(targets)
    matches = [(some + image, some) for image in range(images)]
    criterion = Criterion(
        [_weighted(name, weight) for name, weight in MASK_LOSSES],
        lambda layers, targets: [matches],
        deep_supervision=False,
        ignore_void=False,
        compiled=compiled,
    )
    peer = peer_criterion()

    def ours_once() -> Tensor:
        logits.grad = None
        return _backward(criterion(layer, annotated).total)

    def theirs_once() -> Tensor:
        logits.grad = None
        return _backward(weighted_sum(peer.loss_masks(logits, masks, matches, images * targets)))

    work = f"mask losses of one layer, {images * targets} masks at {side}x{side}, with gradient{_note(compiled)}"
    return Workload(work, ours_once, theirs_once, _same_losses(ours_once, theirs_once, {"masks": logits}))


def all_layers(
    options: Options, images: int = 2, targets: int = 12, queries: int = 100, side: int = 512, compiled: bool = False
) -> Workload:
    """Prepares matching and losses of six layers, from mask embeddings and features to their gradients."""
    side = options.side(side)
    annotated = drawn_targets(images, (side, side), targets, options.device)
    theirs = their_targets(annotated)
    prediction = drawn_layers(images, queries, (side // 4, side // 4), 6, options.device)
    leaves = _leaves(prediction)
    criterion, peer = paper_criterion(compiled).to(options.device), peer_criterion().to(options.device)

    def ours_once() -> Tensor:
        _clear(leaves)
        return _backward(criterion(prediction, annotated).total)

    def theirs_once() -> Tensor:
        _clear(leaves)
        layers = [
            {"masks_queries_logits": layer.mask_logits, "class_queries_logits": layer.class_logits}
            for layer in prediction.layers
        ]
        return _backward(weighted_sum(peer(**layers[-1], **theirs, auxiliary_predictions=layers[:-1])))

    work = (
        f"matching and losses of 6 layers, {images} images of {side}x{side}, {targets} masks each, with gradient"
        f"{_note(compiled)}"
    )
    return Workload(work, ours_once, theirs_once, _same_losses(ours_once, theirs_once, leaves))


def _note(compiled: bool) -> str:
    return ", compiled" if compiled else ""


def _backward(total: Tensor) -> Tensor:
    total.backward()  # type: ignore[no-untyped-call]
    return total.detach()


def _same_losses(ours: Any, theirs: Any, leaves: dict[str, Tensor]) -> Any:
    """Returns a check that totals and gradients are equal."""

    def check() -> None:
        gradients, totals = [], []
        for side in (ours, theirs):
            totals.append(side())
            gradients.append({name: leaf.grad.clone() for name, leaf in leaves.items() if leaf.grad is not None})
        require_close("total loss", *totals)
        require_same("tensors with a gradient", set(gradients[0]), set(gradients[1]))
        for name, gradient in gradients[0].items():
            require_close(f"gradient of {name}", gradient, gradients[1][name])

    return check


def dense(prediction: Prediction, leaf: bool = False) -> Prediction:
    """Returns the prediction with its mask logits computed; as a `leaf`, they receive a gradient."""
    masks = prediction.mask_logits.detach().requires_grad_(leaf)
    return Prediction(prediction.class_logits.detach(), dense_mask_logits=masks)


def _leaves(prediction: Prediction) -> dict[str, Tensor]:
    assert isinstance(prediction.mask_features, Tensor)
    leaves = {"mask features": prediction.mask_features}
    for index, layer in enumerate(prediction.layers):
        assert layer.mask_embeddings is not None
        leaves |= {
            f"class logits of layer {index}": layer.class_logits,
            f"mask embeddings of layer {index}": layer.mask_embeddings,
        }
    return leaves


def _clear(leaves: dict[str, Tensor]) -> None:
    for leaf in leaves.values():
        leaf.grad = None
