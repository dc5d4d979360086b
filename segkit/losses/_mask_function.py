"""What the mask losses share: value and derivative are computed in one go."""

from typing import Any

import torch
from torch import Tensor

from segkit.ops.derivatives import refuse_second_derivative


class MaskFunction(torch.autograd.Function):
    """(logits (M,P), constants …) -> a value of each mask (M,), and its derivative by each of its logits (M,P).

    A subclass has the forward pass alone. Most of the time of the mask losses is spent there, in passes over memory, so
    one tensor of (M,P) is kept for the backward pass, and a mean divides the (M,) sums outside.

    There are no second derivatives. The derivative is an output that may ask for a gradient, so that this is an error:
    as a constant, it would have the gradient 0.
    """

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.set_materialize_grads(False)  # None, and no zeros, as the gradient of the derivative
        ctx.save_for_backward(output[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, second: Tensor | None) -> tuple[Tensor | None, ...]:
        refuse_second_derivative(second)
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
