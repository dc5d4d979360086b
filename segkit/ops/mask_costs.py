"""Matching costs of every query's mask with every segment (Cheng et al. 2021, sec. 3.2), in chunks of pixels."""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from segkit.ops.cpu.softplus import softplus
from segkit.ops.pixel_logits import ReadLogits

CPU_CHUNK = 1 << 18
"""Logits per chunk on a CPU: 1 MiB of float32 per tensor, so that the few tensors of a chunk stay in cache."""
GPU_CHUNK = 1 << 26
"""Logits per chunk on a GPU, where launching a kernel costs more than a pass over memory."""
ALPHA, GAMMA = 0.25, 2.0
"""Parameters of the focal cost, as in its paper."""
PixelLoss = Literal["focal", "binary_cross_entropy"]
"""The losses that masks can be compared with pixel by pixel."""


class PixelTerms(NamedTuple):
    """A loss of single pixels, for sums over pixels: a segment costs that of an empty one and the change within it."""

    compute: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
    """(logits, their sigmoid, 1 - sigmoid) -> the change of a pixel that is inside, and the loss of one outside. It may
    overwrite what it is given."""
    change_factor: float
    """What the change is multiplied by, once it is summed up."""
    outside_factor: float
    """The same for the loss outside."""


def _focal(logits: Tensor, probs: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    outside = softplus(logits, probs, rest)  # -log(1 - p)
    inside = outside - logits  # -log(p)
    outside.mul_(probs.pow_(GAMMA))
    inside.mul_(rest.pow_(GAMMA))
    # With a = ALPHA, a pixel of the segment costs a * inside instead of (1 - a) * outside. The difference, divided
    # by a, is inside - (1 - a) / a * outside.
    return inside.sub_(outside, alpha=(1 - ALPHA) / ALPHA), outside


def _cross_entropy(logits: Tensor, probs: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    # -log(p) + log(1 - p) is minus the logit.
    return -logits, softplus(logits, probs, rest)


PIXEL_TERMS: dict[PixelLoss, PixelTerms] = {
    "focal": PixelTerms(_focal, ALPHA, 1 - ALPHA),
    "binary_cross_entropy": PixelTerms(_cross_entropy, 1.0, 1.0),
}


def mask_costs(
    read_logits: ReadLogits,
    num_masks: int,
    segments: Tensor,
    valid: Tensor | None,
    pixel_loss: PixelLoss = "focal",
) -> tuple[Tensor, Tensor]:
    """Computes a loss of pixels (mean over pixels) and dice loss (Milletari et al. 2016) of all pairs.

    All terms are sums over pixels. So only one chunk of logits exists at a time, and each sum is a matrix product. A
    chunk holds several images where these fit, and otherwise a range of the pixels of one.

    Args:
        read_logits: Returns the logits of all R masks of some images at a range of the P pixels.
        num_masks: R.
        segments: (B,N,P) bool.
        valid: (B,P) bool: the pixels that count; None = all.
        pixel_loss: Focal loss (Lin et al. 2017) or binary cross entropy.

    Returns:
        Costs of the loss of pixels and of dice, (B,N,R) each.

    Example:
        >>> logits = torch.tensor([[[9.0, 9.0, -9.0], [-9.0, -9.0, 9.0]]])
        >>> segments = torch.tensor([[[True, True, False]]])
        >>> focal, dice = mask_costs(lambda images, start, stop: logits[images, :, start:stop], 2, segments, None)
        >>> dice.argmin(2).tolist(), focal.argmin(2).tolist()
        ([[0]], [[0]])
    """
    num_images, count, num_pixels = segments.shape
    terms = PIXEL_TERMS[pixel_loss]
    change, overlap, background = torch.zeros(3, num_images, count + 1, num_masks, device=segments.device)
    areas = torch.zeros(num_images, count + 1, 1, device=segments.device)
    budget = CPU_CHUNK if segments.device.type == "cpu" else GPU_CHUNK
    step = max(1, budget // max(1, num_masks * num_pixels))
    for first in range(0, num_images if count else 0, step):
        images = slice(first, first + step)
        regions = _regions(segments[images], None if valid is None else valid[images])
        areas[images] = regions.sum(2, keepdim=True)
        sums = change[images], overlap[images], background[images, -1:]
        _add_chunks(*sums, partial(read_logits, images), regions, terms, budget)
    # A mask costs what an empty segment does (`background`) plus the change at the pixels within the segment.
    pixels = terms.change_factor * change[:, :-1] + terms.outside_factor * background[:, -1:]
    dice = 1 - (2 * overlap[:, :-1] + 1) / (overlap[:, -1:] + areas[:, :-1] + 1)
    return pixels / areas[:, -1:].clamp(min=1), dice


def _regions(segments: Tensor, valid: Tensor | None) -> Tensor:
    """Returns (B,N+1,P) float32: the counted pixels of each segment, and in one more row all counted pixels.

    Products with that row are the sums that no segment enters.
    """
    counted = segments.new_ones(len(segments), 1, segments.shape[2]) if valid is None else valid[:, None]
    return torch.cat([segments & counted, counted], dim=1).float()


def _add_chunks(
    change: Tensor,
    overlap: Tensor,
    background: Tensor,
    read_logits: Callable[[int, int], Tensor],
    regions: Tensor,
    terms: PixelTerms,
    budget: int,
) -> None:
    """Adds the sums over the pixels of some images to `change` and `overlap` (B,N+1,R) and `background` (B,1,R)."""
    step = max(1, budget // max(1, len(change) * change.shape[2]))
    for start in range(0, regions.shape[2], step):
        logits, chunk = read_logits(start, start + step), regions[..., start : start + step]
        probs = logits.sigmoid()
        rest = 1 - probs
        overlap.baddbmm_(chunk, probs.mT)
        inside, outside = terms.compute(logits, probs, rest)
        change.baddbmm_(chunk, inside.mT)
        background.baddbmm_(chunk[:, -1:], outside.mT)


def class_costs(class_logits: Tensor, labels: Tensor) -> Tensor:
    """Returns minus the probability of each segment's class: (…,B,Q,K+1) logits and (B,N) labels -> (…,B,Q,N).

    Example:
        >>> class_costs(torch.zeros(1, 1, 4), torch.tensor([[0, 2]])).tolist()
        [[[-0.25, -0.25]]]
    """
    probs = torch.softmax(class_logits, dim=-1)
    return -probs.gather(-1, labels[:, None].expand(*probs.shape[:-1], -1))
