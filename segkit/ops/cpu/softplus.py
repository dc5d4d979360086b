"""log(1 + exp(x)): the binary cross entropy of one pixel."""

import torch
from torch import Tensor
from torch.nn import functional


def softplus(logits: Tensor, probs: Tensor, rest: Tensor) -> Tensor:
    """Computes log(1 + exp(logits)) to within 1e-7, given values that its callers need anyway.

    Args:
        logits: Of any shape.
        probs: The sigmoid of the logits.
        rest: 1 - probs.

    Example:
        >>> logits = torch.tensor([0.0, 100.0])
        >>> softplus(logits, logits.sigmoid(), 1 - logits.sigmoid()).tolist()
        [0.6931471824645996, 100.0]
    """
    if logits.device.type == "cpu":
        # torch's softplus calls log1p, which is slow on a CPU. The same value is relu(x) - log(max(p, 1 - p)), where
        # the argument of log is at least 1/2, so that plain log is exact enough. Ratio 0.15 for 600 x 436 logits,
        # 0.40 for a whole matching, 0.61 for matching and all losses with their gradient.
        return logits.relu().sub_(torch.maximum(probs, rest).log_())
    return functional.softplus(logits)
