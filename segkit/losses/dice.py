"""The loss `dice`, on masks."""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

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


class MaskDice(torch.autograd.Function):
    """(logits, targets 0 or 1, valid) -> the loss of each mask and its derivative by each logit.

    Both are computed in one go, so that one tensor is kept for the backward pass and few operations are launched. With
    the ratio r of numerator and denominator d, the derivative by a probability p is (r - 2 target) / d, and that of p
    by its logit is p (1 - p).
    """

    @staticmethod
    def forward(logits: Tensor, targets: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        probs = logits.sigmoid()
        if valid is not None:
            # A probability of 0 has the derivative 0 too.
            probs, targets = probs * valid, targets * valid
        denominator = (probs + targets).sum(1) + 1
        ratio = ((probs * targets).sum(1) * 2 + 1) / denominator
        derivative = torch.sub(ratio[:, None], targets, alpha=2).div_(denominator[:, None]).mul_(probs)
        return 1 - ratio, derivative.addcmul_(derivative, probs, value=-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)  # no zeros as the gradient of the derivative
        ctx.save_for_backward(output[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor | None, _: None) -> tuple[Tensor | None, None, None]:
        (derivative,) = ctx.saved_tensors
        return None if gradient is None else gradient[:, None] * derivative, None, None
