"""The weighted sum of several mask losses with its gradient, compiled where that is asked for and works."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from segkit.runtime.compilation import warn_uncompiled


class WeightedMaskLoss:
    """Values of mask losses, (logits (M,P), targets (M,P), valid (M,P) | None) -> (M,) each, and their gradients."""

    def __init__(self, losses: Sequence[nn.Module], weights: Sequence[float], compiled: bool = False) -> None:
        """
        Args:
            losses: any number, with or without parameters of their own.
            weights: of each in the sum.
            compiled: fuse the losses and their gradient by `torch.compile` at the first call. Where that fails, a
                warning names the cause and they are computed one operation after the other.
        """
        self.losses = list(losses)
        self.weights = list(weights)
        self._compiled: Any = None
        if compiled:
            self._compiled = torch.compile(self.values, fullgraph=True)

    @property
    def learnable(self) -> list[Tensor]:
        """The losses' own parameters that are to be trained."""
        return [parameter for loss in self.losses for parameter in loss.parameters() if parameter.requires_grad]

    def values(self, logits: Tensor, masks: Tensor, valid: Tensor | None) -> Tensor:
        """(losses,M), unweighted."""
        return torch.stack([loss(logits, masks, valid) for loss in self.losses])

    def gradients(self, logits: Tensor, masks: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The values, and the gradients of their weighted sum over all masks: (M,P) by the logits, and by each of the
        losses' parameters."""
        leaf = logits.detach().requires_grad_()
        if self._compiled is not None:
            try:
                _leave_sizes_open(leaf, masks, valid)
                return self._differentiated(self._compiled, leaf, masks, valid)
            except Exception as error:  # whatever may go wrong in a compiler, training goes on without it
                self._compiled = None
                warn_uncompiled(
                    "criterion.compile: the mask losses cannot be compiled and run uncompiled from now on, which is "
                    "slower",
                    error,
                    stacklevel=3,
                )
        return self._differentiated(self.values, leaf, masks, valid)

    def _differentiated(
        self, score: Callable[..., Tensor], leaf: Tensor, masks: Tensor, valid: Tensor | None
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        with torch.enable_grad():
            values = score(leaf, masks, valid)
            total = self.weighted_sum(values)
        gradient, *by_parameter = torch.autograd.grad(total, [leaf, *self.learnable], materialize_grads=True)
        return values.detach(), gradient, by_parameter

    def weighted_sum(self, values: Tensor) -> Tensor:
        """(losses,M) -> scalar."""
        return torch.stack([weight * of_loss.sum() for weight, of_loss in zip(self.weights, values, strict=True)]).sum()


def _leave_sizes_open(*tensors: Tensor | None) -> None:
    """Neither the number of masks nor that of pixels, which change all the time, may compile anew."""
    for tensor in tensors:
        if tensor is not None:
            torch._dynamo.maybe_mark_dynamic(tensor, [0, 1])
