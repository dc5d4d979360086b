"""The loss `dice`, on masks."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from segkit.losses._mask_function import MaskFunction
from segkit.registries import LOSSES


@LOSSES.register("dice")
class Dice(nn.Module):
    """Dice loss of masks (Milletari et al. 2016).

    The value is 1 - (2 |A ∩ B| + 1) / (|A| + |B| + 1) for mask probabilities A and segment B. As in MaskFormer, areas
    are sums of probabilities rather than of their squares. The 1 smooths the ratio where both are empty.

    Example:
        >>> logits, targets = torch.tensor([[50.0, 50.0, -50.0]]), torch.tensor([[0.0, 1.0, 1.0]])
        >>> round(Dice()(logits, targets, None).item(), 4)  # 1 - (2 * 1 + 1) / (2 + 2 + 1)
        0.4
    """

    input_type: ClassVar[Literal["masks"]] = "masks"

    def __init__(self) -> None:
        super().__init__()

    def forward(self, logits: Tensor, targets: Tensor, valid: Tensor | None) -> Tensor:
        """Computes the loss of each mask.

        Args:
            logits: (M,P).
            targets: (M,P), 0 or 1.
            valid: (M,P) bool: the pixels that count; None = all.

        Returns:
            (M,).
        """
        values: Tensor = MaskDice.apply(logits, targets, valid)[0]
        return values


class MaskDice(MaskFunction):
    """(logits, targets 0 or 1, valid) -> the loss of each mask, and its derivatives.

    With the ratio r of numerator and denominator d, the derivative by a probability p is (r - 2 target) / d, and that
    of p by its logit is p (1 - p).
    """

    @staticmethod
    def forward(logits: Tensor, targets: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        probs = logits.sigmoid()
        if valid is not None:
            # A probability of 0 has the derivative 0 too.
            probs, targets = probs * valid, targets * valid
        denominator = (probs + targets).sum(1) + 1
        numerator = torch.rsub((probs * targets).sum(1), 1, alpha=-2)  # 1 + 2 * sum, in one operation
        ratio = numerator / denominator
        derivative = torch.sub(ratio[:, None], targets, alpha=2).div_(denominator[:, None]).mul_(probs)
        return 1 - ratio, derivative.addcmul_(derivative, probs, value=-1)
