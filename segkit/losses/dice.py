"""Dice loss on masks (Milletari et al. 2016)."""

from typing import ClassVar

from torch import Tensor, nn

from segkit.registries import LOSSES


@LOSSES.register("dice")
class Dice(nn.Module):
    """One minus twice the overlap over the sum of areas, each smoothed by one pixel."""

    input_type: ClassVar = "masks"

    def __init__(self) -> None:
        super().__init__()

    def forward(self, logits: Tensor, targets: Tensor, valid: Tensor | None) -> Tensor:
        """logits (M,P), targets (M,P) 0/1, valid (M,P) bool or None -> (M,)."""
        probs = logits.sigmoid()
        if valid is not None:
            probs, targets = probs * valid, targets * valid
        return 1 - (2 * (probs * targets).sum(1) + 1) / (probs.sum(1) + targets.sum(1) + 1)
