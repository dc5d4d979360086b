"""Matching costs of every query's mask with every segment (Cheng et al. 2021, sec. 3.2), in chunks of pixels."""

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


def mask_costs(
    read_logits: ReadLogits, num_masks: int, segments: Tensor, valid: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Computes focal loss (Lin et al. 2017, mean over pixels) and dice loss (Milletari et al. 2016) of all pairs.

    All terms are sums over pixels. So only one chunk of logits exists at a time, and each sum is a matrix product.

    Args:
        read_logits: Returns the logits of all R masks at a range of the P pixels.
        num_masks: R.
        segments: (N,P) bool.
        valid: (P,) bool: the pixels that count; None = all.

    Returns:
        Focal and dice costs, (N,R) each.

    Example:
        >>> logits = torch.tensor([[9.0, 9.0, -9.0], [-9.0, -9.0, 9.0]])
        >>> segments = torch.tensor([[True, True, False]])
        >>> focal, dice = mask_costs(lambda start, stop: logits[:, start:stop], 2, segments, None)
        >>> dice.argmin(1).tolist(), focal.argmin(1).tolist()
        ([0], [0])
    """
    count, pixels = segments.shape
    counted = torch.ones(pixels, dtype=torch.bool, device=segments.device) if valid is None else valid
    # One more row of all counted pixels: its products are the sums that no segment enters.
    regions = torch.cat([segments & counted, counted[None]]).float()  # (N + 1, P)
    change, overlap = torch.zeros(2, count + 1, num_masks, device=segments.device)
    background = torch.zeros(num_masks, device=segments.device)
    budget = CPU_CHUNK if segments.device.type == "cpu" else GPU_CHUNK
    step = max(1, budget // max(1, num_masks))
    for start in range(0, pixels if count else 0, step):
        logits, chunk = read_logits(start, start + step), regions[:, start : start + step]
        probs = logits.sigmoid()
        rest = 1 - probs
        overlap.addmm_(chunk, probs.T)
        outside = softplus(logits, probs, rest)  # -log(1 - p)
        inside = outside - logits  # -log(p)
        outside.mul_(probs.pow_(GAMMA))
        inside.mul_(rest.pow_(GAMMA))
        # With a = ALPHA, a pixel of the segment costs a * inside instead of (1 - a) * outside. The difference, divided
        # by a, is inside - (1 - a) / a * outside.
        change.addmm_(chunk, inside.sub_(outside, alpha=(1 - ALPHA) / ALPHA).T)
        background.addmv_(outside, chunk[-1])
    areas = regions.sum(1)
    # The focal cost is that of an empty segment (`background`) plus the change at the pixels within the segment.
    focal = (ALPHA * change[:-1] + (1 - ALPHA) * background) / areas[-1].clamp(min=1)
    dice = 1 - (2 * overlap[:-1] + 1) / (overlap[-1] + areas[:-1, None] + 1)
    return focal, dice


def class_costs(class_logits: Tensor, labels: Tensor) -> Tensor:
    """Returns minus the probability of each segment's class: (…,Q,K+1) logits and (N,) labels -> (…,Q,N).

    Example:
        >>> class_costs(torch.zeros(1, 4), torch.tensor([0, 2])).tolist()
        [[-0.25, -0.25]]
    """
    return -torch.softmax(class_logits, dim=-1)[..., labels]
