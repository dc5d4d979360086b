"""Tversky loss on masks (Salehi et al. 2017)."""

from typing import ClassVar

from torch import Tensor, nn


class Tversky(nn.Module):
    """One minus the Tversky index, smoothed by half a pixel; with alpha = beta = 0.5 it is the dice loss."""

    input_type: ClassVar = "masks"

    def __init__(self, *, alpha: float = 0.3, beta: float = 0.7) -> None:
        """
        Args:
            alpha: weight of the pixels that are wrongly inside the mask.
            beta: weight of the pixels that are wrongly outside; above alpha, small masks are missed less often.
        """
        super().__init__()
        self.alpha = alpha
        self.beta = beta

    def forward(self, logits: Tensor, targets: Tensor, valid: Tensor | None) -> Tensor:
        """logits (M,P), targets (M,P) 0/1, valid (M,P) bool or None -> (M,)."""
        probs = logits.sigmoid()
        if valid is not None:
            probs, targets = probs * valid, targets * valid
        hits = (probs * targets).sum(1)
        wrongly_inside, wrongly_outside = probs.sum(1) - hits, targets.sum(1) - hits
        return 1 - (hits + 0.5) / (hits + self.alpha * wrongly_inside + self.beta * wrongly_outside + 0.5)
