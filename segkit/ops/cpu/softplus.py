"""log(1 + exp(x)), which the cross entropy of a mask's pixel is."""

import torch
from torch import Tensor


def softplus(logits: Tensor, probs: Tensor, rest: Tensor) -> Tensor:
    """log(1 + exp(logits)) to 1e-7, given `probs` = sigmoid(logits) and `rest` = 1 - probs.

    It is relu(x) - log(max(p, 1 - p)), whose logarithm is never of a small number. torch's own function takes log1p,
    which on a CPU is more than ten times as slow as log.
    """
    return logits.relu().sub_(torch.maximum(probs, rest).log_())
