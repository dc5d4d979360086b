"""Focal loss on mask pixels (Lin et al. 2017, eq. 5)."""

from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from segkit.ops.cpu.softplus import softplus
from segkit.ops.reduction import mean_of_valid
from segkit.registries import LOSSES
from segkit.registries.signature import Bounds, Fraction

Gamma = Annotated[float, Bounds(least=0, most=100)]


@LOSSES.register("focal")
class Focal(nn.Module):
    """Binary cross entropy with well-classified pixels weighed down; the mean over a mask's pixels."""

    input_type: ClassVar = "masks"

    def __init__(self, *, alpha: Fraction = 0.25, gamma: Gamma = 2.0) -> None:
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
        values, _ = _PixelFocal.apply(logits, targets, self.alpha, self.gamma)
        return mean_of_valid(values, valid)


class _PixelFocal(torch.autograd.Function):
    """(logits, targets 0/1) -> the loss at every pixel, and its derivative.

    The derivative shares nearly all its terms with the value. With w the logit of being wrong, p = sigmoid(w) and
    value = weight * p^gamma * softplus(w), it is weight * p^gamma * (gamma * (1 - p) * softplus(w) + p) by w.
    """

    @staticmethod
    def forward(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Any:
        # Few passes and few buffers: this is most of what mask losses cost.
        sign = torch.rsub(targets, 1, alpha=2)
        # Of the logits themselves, so that a compiler takes it once for this loss and for others beside it.
        probs = torch.addcmul(targets, logits.sigmoid(), sign)
        right = 1 - probs
        cross_entropy = softplus(logits * sign, probs, right)
        weight = torch.rsub(targets, 1 - alpha, alpha=1 - 2 * alpha).mul_(probs**gamma)
        derivative = torch.addcmul(probs, right, cross_entropy, value=gamma).mul_(weight).mul_(sign)
        return cross_entropy.mul_(weight), derivative

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, _: Any) -> Any:
        (derivative,) = ctx.saved_tensors
        return gradient * derivative, None, None, None
