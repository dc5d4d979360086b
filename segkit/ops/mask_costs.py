"""Every query's mask against every segment's (the costs of Cheng et al. 2021, sec. 3.2)."""

from collections.abc import Callable

import torch
from torch import Tensor

from segkit.ops.cpu.softplus import softplus

CPU_CHUNK = 1 << 18
"""Logits per chunk on a CPU: 1 MiB of float32, of which a few stay in cache together."""
GPU_CHUNK = 1 << 26
"""Logits per chunk on an accelerator, where each launch costs more than a pass over memory."""
ALPHA, GAMMA = 0.25, 2.0
"""Of the focal term, as in its paper."""


def mask_costs(
    read: Callable[[int, int], Tensor], rows: int, masks: Tensor, valid: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Focal loss (Lin et al. 2017; mean over pixels) and dice loss (Milletari et al. 2016, smoothed by 1) of all pairs.

    Args:
        read: `(start, stop) -> (R,stop-start)` float32 logits of `rows` = R masks at some of the pixels.
        masks: (N,P) bool.
        valid: (P,) bool: which pixels count; None = all.

    Returns (N,R) each. All terms are sums over pixels, so that the work is done a chunk of pixels at a time.
    """
    count, pixels = masks.shape
    known = torch.ones(pixels, dtype=torch.bool, device=masks.device) if valid is None else valid
    segments = torch.cat([masks & known, known[None]]).float()  # (N + 1, P), the last one being all that counts
    change, overlap = torch.zeros(2, count + 1, rows, device=masks.device)
    background = torch.zeros(rows, device=masks.device)
    budget = CPU_CHUNK if masks.device.type == "cpu" else GPU_CHUNK
    step = max(1, budget // max(1, rows))
    for start in range(0, pixels if count else 0, step):
        logits, chunk = read(start, start + step), segments[:, start : start + step]
        probs = logits.sigmoid()
        rest = 1 - probs
        overlap.addmm_(chunk, probs.T)
        outside = softplus(logits, probs, rest)  # -log(1 - p)
        inside = outside - logits  # -log(p)
        outside.mul_(probs.pow_(GAMMA))
        inside.mul_(rest.pow_(GAMMA))
        change.addmm_(chunk, inside.sub_(outside, alpha=(1 - ALPHA) / ALPHA).T)
        background.addmv_(outside, chunk[-1])
    areas = segments.sum(1)
    # All pixels cost what they would outside the segment, and those within it the difference.
    focal = (ALPHA * change[:-1] + (1 - ALPHA) * background) / areas[-1].clamp(min=1)
    dice = 1 - (2 * overlap[:-1] + 1) / (overlap[-1] + areas[:-1, None] + 1)
    return focal, dice


def class_costs(class_logits: Tensor, labels: Tensor) -> Tensor:
    """(…,Q,K+1) logits, (N,) -> (…,Q,N): minus the probability of the segment's class."""
    return -torch.softmax(class_logits, dim=-1)[..., labels]
