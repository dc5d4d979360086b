"""Mask losses of the matched queries, in pieces that stay in the processor's cache.

A mask loss compares full-size masks, while the model draws them at a quarter of the side. Keeping every upsampled mask
and its intermediate values for the backward pass would take most of a training step's memory and time. So each piece
is upsampled, scored and differentiated at once, and only the gradient of the small map is kept.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from segkit.types import Match, Prediction, Target

PIECE_PIXELS = 1 << 19
"""Full-size pixels per piece, about: 2 MiB of float32."""


def matched_mask_losses(
    prediction: Prediction,
    targets: list[Target],
    matches: list[Match],
    losses: Sequence[nn.Module],
    weights: Sequence[float],
) -> tuple[Tensor, list[Tensor]]:
    """The weighted sum of all losses over all matched masks (with gradient), and each loss's own sum (without).

    `losses` take (logits (M,P), targets (M,P), valid (M,P) | None) and give (M,). A picture without segments adds a
    zero that keeps every parameter in the graph.
    """
    learnable = any(parameter.requires_grad for loss in losses for parameter in loss.parameters())
    score = torch.zeros((), device=prediction.class_logits.device)
    sums = [torch.zeros_like(score) for _ in losses]
    for image, (target, (query_index, target_index)) in enumerate(zip(targets, matches, strict=True)):
        logits = prediction.mask_logits_of(image, query_index).float()
        if len(query_index) == 0:
            score = score + logits.sum()
        for piece, masks in _pieces(logits, target, target_index):
            if learnable or not torch.is_grad_enabled():
                value, values = _score(piece, masks, target.valid, losses, weights)
            else:
                value, *values = _EagerGradient.apply(piece, masks, target.valid, losses, weights)
            score = score + value
            sums = [total + part.detach() for total, part in zip(sums, values, strict=True)]
    return score, sums


def _pieces(logits: Tensor, target: Target, target_index: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Pieces of (logits (m,h,w), masks (m,H,W) bool)."""
    height, width = target.size
    count = max(1, PIECE_PIXELS // (height * width))
    for start in range(0, len(target_index), count):
        yield logits[start : start + count], target.masks_of(target_index[start : start + count])


def _score(
    logits: Tensor, masks: Tensor, valid: Tensor | None, losses: Sequence[nn.Module], weights: Sequence[float]
) -> tuple[Tensor, list[Tensor]]:
    """Upsampled to the masks' size and scored: the weighted sum, and each loss's sum."""
    with torch.autocast(logits.device.type, enabled=False):
        full = interpolate(logits[:, None], size=masks.shape[-2:], mode="bilinear", align_corners=False).flatten(1)
        truth = masks.flatten(1).to(full.dtype)
        known = None if valid is None else valid.flatten().expand_as(full)
        values = [loss(full, truth, known).sum() for loss in losses]
    return torch.stack([weight * value for weight, value in zip(weights, values, strict=True)]).sum(), values


class _EagerGradient(torch.autograd.Function):
    """`_score` whose gradient is made in the forward pass; only the weighted sum carries it."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        masks: Tensor,
        valid: Tensor | None,
        losses: Sequence[nn.Module],
        weights: Sequence[float],
    ) -> Any:
        with torch.enable_grad():
            leaf = logits.detach().requires_grad_()
            score, values = _score(leaf, masks, valid, losses, weights)
            (gradient,) = torch.autograd.grad(score, leaf)
        ctx.save_for_backward(gradient)
        parts = tuple(value.detach() for value in values)
        ctx.mark_non_differentiable(*parts)
        return (score.detach(), *parts)

    @staticmethod
    def backward(ctx: Any, gradient_of_score: Tensor, *_: Any) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient_of_score * gradient, None, None, None, None
