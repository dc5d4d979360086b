"""The weighted sum of several mask losses with its gradient, compiled where that is asked for and works."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value

from segkit.ops.compilation import warn_uncompiled


class MaskScore:
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
            # Sizes are left open: neither the number of masks nor that of pixels, changing all the time, may recompile.
            gradient = grad_and_value(self._functional, argnums=(0, 1), has_aux=True)
            self._compiled = torch.compile(gradient, dynamic=True, fullgraph=True)

    @property
    def learnable(self) -> list[Tensor]:
        """The losses' own parameters that are to be trained."""
        return [parameter for of_loss in self._parameters() for parameter in of_loss.values()]

    def _parameters(self) -> list[dict[str, Tensor]]:
        return [{n: p for n, p in loss.named_parameters() if p.requires_grad} for loss in self.losses]

    def values(self, logits: Tensor, masks: Tensor, valid: Tensor | None) -> Tensor:
        """(losses,M), unweighted."""
        return torch.stack([loss(logits, masks, valid) for loss in self.losses])

    def gradients(self, logits: Tensor, masks: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The values, and the gradients of their weighted sum over all masks: (M,P) by the logits, and by each of the
        losses' parameters."""
        if self._compiled is not None:
            try:
                with torch.no_grad():
                    (gradient, by_loss), (_, values) = self._compiled(logits, self._parameters(), masks, valid)
                return values, gradient, [one for of_loss in by_loss for one in of_loss.values()]
            except Exception as error:  # whatever may go wrong in a compiler, training goes on without it
                self._compiled = None
                warn_uncompiled(
                    "criterion.compile: the mask losses cannot be compiled and run uncompiled from now on, which is "
                    "slower",
                    error,
                    stacklevel=3,
                )
        with torch.enable_grad():
            leaf = logits.detach().requires_grad_()
            values = self.values(leaf, masks, valid)
            score = self.weighted_sum(values)
            gradient, *by_parameter = torch.autograd.grad(score, [leaf, *self.learnable], materialize_grads=True)
        return values.detach(), gradient, by_parameter

    def _functional(
        self, logits: Tensor, parameters: list[dict[str, Tensor]], masks: Tensor, valid: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The weighted sum and, beside it, the values (losses,M), as a function of the losses' parameters too."""
        values = torch.stack(
            [
                functional_call(loss, of_loss, (logits, masks, valid))
                for loss, of_loss in zip(self.losses, parameters, strict=True)
            ]
        )
        return self.weighted_sum(values), values

    def weighted_sum(self, values: Tensor) -> Tensor:
        """(losses,M) -> scalar."""
        return torch.stack([weight * of_loss.sum() for weight, of_loss in zip(self.weights, values, strict=True)]).sum()
