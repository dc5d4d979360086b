"""Tversky loss on masks (Salehi et al. 2017)."""

from typing import ClassVar, Literal

from torch import Tensor, nn


class Tversky(nn.Module):
    """One minus the Tversky index of each mask, smoothed by half a pixel.

    With alpha = beta = 0.5 it equals the Dice loss.

    Args:
        alpha: weight of false positives, the pixels wrongly inside the mask.
        beta: weight of false negatives, the pixels wrongly outside. A beta above alpha finds more small masks.

    Example:
        >>> import torch
        >>> logits, masks = torch.full((1, 8), 50.0), torch.ones(1, 8)
        >>> Tversky()(logits, masks, None)
        tensor([0.])
    """

    input_type: ClassVar[Literal["masks"]] = "masks"

    def __init__(self, *, alpha: float = 0.3, beta: float = 0.7) -> None:
        super().__init__()
        self.alpha = alpha
        self.beta = beta

    def forward(self, logits: Tensor, masks: Tensor, valid: Tensor | None) -> Tensor:
        """(M, P), (M, P) float 0 or 1, (M, P) bool or None -> (M,), one value per mask."""
        probs = logits.sigmoid()
        if valid is not None:  # pixels that are not valid do not count
            probs, masks = probs * valid, masks * valid
        true_positives = (probs * masks).sum(1)
        false_positives = probs.sum(1) - true_positives
        false_negatives = masks.sum(1) - true_positives
        # Half a pixel above and below the line: the loss of an empty mask stays defined.
        weighted = true_positives + self.alpha * false_positives + self.beta * false_negatives
        return 1 - (true_positives + 0.5) / (weighted + 0.5)
