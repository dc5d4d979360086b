"""Functions whose gradient is computed in the forward pass."""

import torch
from torch import Tensor


def refuse_second_derivative(*gradients: Tensor | None) -> None:
    """Refuses gradients of a gradient that was computed in the forward pass.

    Args:
        gradients: None where nobody asks for them.

    Raises:
        NotImplementedError: Somebody does.

    Example:
        >>> refuse_second_derivative(None)
    """
    # A compiler traces the backward pass with a tensor for each gradient.
    if not torch.compiler.is_compiling() and any(gradient is not None for gradient in gradients):
        raise NotImplementedError(
            "mask losses have no second derivatives: their gradient (create_graph=True, or torch.func.grad) cannot be "
            "differentiated once more. Use a loss of plain tensor operations for that."
        )
