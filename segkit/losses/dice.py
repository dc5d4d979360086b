"""The loss `dice`, on masks."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from segkit.registries import LOSSES


@LOSSES.register("dice")
class Dice(nn.Module):
    """Dice loss of masks (Milletari et al. 2016).

    The value is 1 - (2 |A ∩ B| + 1) / (|A| + |B| + 1) for mask probabilities A and segment B. As in MaskFormer, areas
    are sums of probabilities rather than of their squares. The 1 smooths the ratio where both are empty.

    Example:
        >>> import torch
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
        probs = logits.sigmoid()
        if valid is not None:
            probs, targets = probs * valid, targets * valid
        return 1 - (2 * (probs * targets).sum(1) + 1) / (probs.sum(1) + targets.sum(1) + 1)
