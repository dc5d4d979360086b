"""Focal loss on mask pixels (Lin et al. 2017, eq. 5)."""

from typing import ClassVar

from torch import Tensor, nn, where
from torch.nn.functional import logsigmoid

from segkit.ops.reduction import mean_of_valid
from segkit.registries import LOSSES


@LOSSES.register("focal")
class Focal(nn.Module):
    """Binary cross entropy with well-classified pixels weighed down; the mean over a mask's pixels."""

    takes: ClassVar = "masks"

    def __init__(self, *, alpha: float = 0.25, gamma: float = 2.0) -> None:
        """
        Args:
            alpha: weight of the pixels inside the true mask, those outside having 1 - alpha.
            gamma: how strongly certain pixels are weighed down; 0 = plain cross entropy.
        """
        super().__init__()
        self.alpha = alpha
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor, valid: Tensor | None) -> Tensor:
        """logits (M,P), targets (M,P) 0/1, valid (M,P) bool or None -> (M,)."""
        inside = targets > 0.5
        signed = where(inside, logits, -logits)  # the logit of being right
        weight = where(inside, self.alpha, 1 - self.alpha)
        return mean_of_valid(-weight * (-signed).sigmoid() ** self.gamma * logsigmoid(signed), valid)
