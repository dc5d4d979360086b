"""Every query's mask against every segment's, in two matrix products (the costs of Cheng et al. 2021, sec. 3.2)."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def focal_costs(logits: Tensor, masks: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """(Q,P) logits, (N,P) 0/1 float -> (Q,N): mean focal loss (Lin et al. 2017) over the pixels of each pair."""
    probs = logits.sigmoid()
    inside = -alpha * (1 - probs) ** gamma * logsigmoid(logits)
    outside = -(1 - alpha) * probs**gamma * logsigmoid(-logits)
    # inside @ masks + outside @ (1 - masks), with one product less
    return ((inside - outside) @ masks.T + outside.sum(1, keepdim=True)) / max(logits.shape[1], 1)


def dice_costs(logits: Tensor, masks: Tensor) -> Tensor:
    """(Q,P) logits, (N,P) 0/1 float -> (Q,N): dice loss (Milletari et al. 2016, smoothed by 1) of each pair."""
    probs = logits.sigmoid()
    overlap = probs @ masks.T
    return 1 - (2 * overlap + 1) / (probs.sum(1)[:, None] + masks.sum(1) + 1)


def class_costs(class_logits: Tensor, labels: Tensor) -> Tensor:
    """(Q,K+1) logits, (N,) -> (Q,N): minus the probability of the segment's class."""
    return -torch.softmax(class_logits, dim=1)[:, labels]
