"""What the mask losses share: value and derivative are computed in one go."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class MaskFunction(torch.autograd.Function):
    """(logits (M,P), constants …) -> a value of each mask (M,), and its derivative by each of its logits (M,P).

    A subclass has the forward pass alone. Most of the time of the mask losses is spent there, in passes over memory, so
    one tensor of (M,P) is kept for the backward pass, and a mean divides the (M,) sums outside.
    """

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)  # no zeros as the gradient of the derivative
        ctx.save_for_backward(output[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
        (derivative,) = ctx.saved_tensors
        by_logits = None if gradient is None else gradient[:, None] * derivative
        return by_logits, *[None] * (len(ctx.needs_input_grad) - 1)


def mean_of_pixels(sums: Tensor, logits: Tensor, valid: Tensor | None) -> Tensor:
    """Divides the sums over a mask's valid pixels (M,) by their number, or by 1 where there are none.

    Args:
        sums: (M,).
        logits: (M,P).
        valid: (M,P) bool; None = all.
    """
    return sums / (logits.shape[1] if valid is None else valid.sum(1).clamp(min=1))
