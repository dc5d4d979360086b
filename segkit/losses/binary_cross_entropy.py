"""The loss `binary_cross_entropy`, on masks."""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from segkit.ops.cpu.softplus import softplus
from segkit.registries import LOSSES


@LOSSES.register("binary_cross_entropy")
class BinaryCrossEntropy(nn.Module):
    """Binary cross entropy of masks, as the mean over a mask's pixels (Cheng et al. 2022, sec. 3.3).

    Example:
        >>> logits, targets = torch.zeros(1, 1), torch.ones(1, 1)
        >>> round(BinaryCrossEntropy()(logits, targets, None).item(), 4)  # log 2
        0.6931
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
            (M,); 0 for a mask without valid pixels.
        """
        values: Tensor = PixelCrossEntropy.apply(logits, targets)[0]
        if valid is None:
            return values.mean(1)
        return (values * valid).sum(1) / valid.sum(1).clamp(min=1)


class PixelCrossEntropy(torch.autograd.Function):
    """(logits, targets 0 or 1) -> the loss at every pixel and its derivative by the logit.

    The derivative is sigmoid(logit) - target. With w the logit of the wrong answer, the value is softplus(w).
    """

    @staticmethod
    def forward(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        derivative = logits.sigmoid().sub_(targets)
        wrong_logits = torch.rsub(targets, 1, alpha=2).mul_(logits)
        wrong_probs = derivative.abs()
        return softplus(wrong_logits, wrong_probs, 1 - wrong_probs), derivative

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)  # no zeros as the gradient of the derivative
        # One tensor is kept for the backward pass, instead of all intermediate ones.
        ctx.save_for_backward(output[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor | None, _: None) -> tuple[Tensor | None, None]:
        (derivative,) = ctx.saved_tensors
        return None if gradient is None else gradient * derivative, None
