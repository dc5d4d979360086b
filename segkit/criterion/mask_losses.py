"""Mask losses of the matched queries, in pieces that stay in the processor's cache.

A mask loss compares full-size masks, while the model draws them at a quarter of the side. Keeping every upsampled mask
and its intermediate values for the backward pass would take most of a training step's memory and time. So each piece
is upsampled, scored and differentiated at once, and only the gradient of the small map is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from segkit.criterion.mask_logits import matched_mask_logits
from segkit.criterion.mask_pixels import AllPixels, SampledPixels
from segkit.criterion.weighted_losses import WeightedMaskLoss
from segkit.ops.points import PointSampling
from segkit.types import Match, Prediction, Target

CPU_PIECE = 1 << 19
"""Pixels or points scored at once on a CPU, about: 2 MiB of float32, of which a few stay in cache together."""
GPU_PIECE = 1 << 24
"""The same on an accelerator, where each launch costs more than a pass over memory."""


def matched_mask_losses(
    layers: Sequence[Prediction],
    targets: Sequence[Target],
    matches: Sequence[Sequence[Match]],
    score: WeightedMaskLoss,
    points: PointSampling | None = None,
) -> tuple[Tensor, Tensor]:
    """The weighted sum over all matched masks of all layers, and each loss's own sum over those of each layer.

    Args:
        matches: per layer and image, on the prediction's device.
        points: compare each mask at random points; None = at every pixel.

    Returns a scalar, which reaches every parameter also where no image has a segment, and (losses,L) without
    gradient.
    """
    total = torch.zeros((), device=layers[0].class_logits.device)
    sums = torch.zeros(len(score.losses), len(layers), device=total.device)
    of_images = zip(matched_mask_logits(layers, matches), targets, zip(*matches, strict=True), strict=True)
    for logits, target, of_image in of_images:
        masks = _Masks(target, torch.cat([target_index for _, target_index in of_image]), points)
        of_all, values = _GradientAhead.apply(masks, score, torch.is_grad_enabled(), logits, *score.learnable)
        total = total + of_all
        of_layers = torch.split(values, [len(target_index) for _, target_index in of_image], dim=1)
        sums += torch.stack([of_layer.sum(1) for of_layer in of_layers], dim=1)
    return total, sums


@dataclass
class _Masks:
    """What matched queries of one image are compared with."""

    target: Target
    segments: Tensor
    """(M,) int64."""
    points: PointSampling | None

    def pieces(self, logits: Tensor) -> Iterator[tuple[slice, AllPixels | SampledPixels]]:
        """The rows of `logits` (M,h,w) that make one piece, and where they are compared."""
        budget = CPU_PIECE if logits.device.type == "cpu" else GPU_PIECE
        if self.points is None:
            everywhere = AllPixels(self.target, (int(logits.shape[-2]), int(logits.shape[-1])))
            for rows in _slices(len(logits), budget // (self.target.size[0] * self.target.size[1])):
                yield rows, everywhere
        else:
            for rows in _slices(len(logits), budget // self.points.candidates):
                yield rows, SampledPixels(self.target, logits[rows], self.points)


def _slices(count: int, step: int) -> Iterator[slice]:
    for start in range(0, count, max(1, step)):
        yield slice(start, start + max(1, step))


class _GradientAhead(torch.autograd.Function):
    """(logits (M,h,w), parameters) -> the weighted sum, and each loss's values (losses,M).

    The gradient is made in the forward pass, while the full-size masks are there; only the sum carries it.
    """

    @staticmethod
    def forward(
        ctx: Any, masks: _Masks, score: WeightedMaskLoss, differentiate: bool, logits: Tensor, *parameters: Tensor
    ) -> Any:
        gradient = torch.zeros_like(logits)
        by_parameters = [torch.zeros_like(parameter) for parameter in parameters]
        values = torch.zeros(len(score.losses), len(logits), device=logits.device)
        with torch.autocast(logits.device.type, enabled=False):
            for rows, where in masks.pieces(logits):
                segments = masks.segments[rows]
                pixels = (where.logits(logits[rows]), where.masks(segments), where.valid(segments))
                if not differentiate:
                    values[:, rows] = score.values(*pixels)
                    continue
                values[:, rows], by_pixels, by_parameters_here = score.gradients(*pixels)
                gradient[rows] = where.maps_gradient(by_pixels)
                for total, part in zip(by_parameters, by_parameters_here, strict=True):
                    total += part
        ctx.save_for_backward(gradient, *by_parameters)
        ctx.mark_non_differentiable(values)
        return score.weighted_sum(values), values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Any) -> Any:
        return (None, None, None, *(gradient * saved for saved in ctx.saved_tensors))
