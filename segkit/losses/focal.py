"""The loss `focal`, on masks."""

from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from segkit.ops.cpu.softplus import softplus
from segkit.registries import LOSSES
from segkit.registries.signature import Bounds, Fraction

Gamma = Annotated[float, Bounds(least=0, most=100)]


@LOSSES.register("focal")
class Focal(nn.Module):
    """Focal loss of masks (Lin et al. 2017, eq. 5).

    Binary cross entropy with less weight on well-classified pixels, as the mean over a mask's pixels.

    Args:
        alpha: Weight of the pixels inside the segment; those outside have 1 - alpha.
        gamma: How strongly well-classified pixels lose weight; 0 = plain cross entropy.

    Example:
        >>> logits, targets = torch.zeros(1, 1), torch.ones(1, 1)
        >>> round(Focal()(logits, targets, None).item(), 4)  # 0.25 * (1 - 1/2)^2 * log 2
        0.0433
    """

    input_type: ClassVar[Literal["masks"]] = "masks"

    def __init__(self, *, alpha: Fraction = 0.25, gamma: Gamma = 2.0) -> None:
        super().__init__()
        self.alpha = alpha
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor, valid: Tensor | None) -> Tensor:
        """Computes the loss of each mask.

        Args:
            logits: (M,P).
            targets: (M,P), 0 or 1.
            valid: (M,P) bool: the pixels that count; None = all.

        Returns:
            (M,); 0 for a mask without valid pixels.
        """
        values: Tensor = PixelFocal.apply(logits, targets, self.alpha, self.gamma)[0]
        if valid is None:
            return values.mean(1)
        return (values * valid).sum(1) / valid.sum(1).clamp(min=1)


class PixelFocal(torch.autograd.Function):
    """(logits, targets 0 or 1) -> the loss at every pixel and its derivative by the logit.

    The derivative shares nearly all terms with the value, so both are computed in one go. With w the logit of the wrong
    answer, p = sigmoid(w) and value = weight * p^gamma * softplus(w), the derivative by w is
    weight * p^gamma * (gamma * (1 - p) * softplus(w) + p).
    """

    @staticmethod
    def forward(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> tuple[Tensor, Tensor]:
        # Most of the time of the mask losses is spent here: few passes over memory, few new tensors.
        sign = torch.rsub(targets, 1, alpha=2)  # -1 inside, 1 outside: w = sign * logits
        # sigmoid(logits) rather than sigmoid(w): a compiler then computes it once for this loss and dice.
        probs = torch.addcmul(targets, logits.sigmoid(), sign)
        right = 1 - probs  # probability of the right answer
        cross_entropy = softplus(logits * sign, probs, right)
        # (1 - alpha) - (1 - 2 alpha) * targets: alpha inside, 1 - alpha outside.
        weight = torch.rsub(targets, 1 - alpha, alpha=1 - 2 * alpha).mul_(probs**gamma)
        derivative = torch.addcmul(probs, right, cross_entropy, value=gamma).mul_(weight).mul_(sign)
        # In place, now that the derivative has read the cross entropy.
        return cross_entropy.mul_(weight), derivative

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float, float], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)  # no zeros as the gradient of the derivative
        # One tensor is kept for the backward pass, instead of all intermediate ones.
        ctx.save_for_backward(output[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor | None, _: None) -> tuple[Tensor | None, None, None, None]:
        (derivative,) = ctx.saved_tensors
        return None if gradient is None else gradient * derivative, None, None, None
