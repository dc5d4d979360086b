"""The loss `binary_cross_entropy`, on masks."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from segkit.losses._mask_function import MaskFunction, mean_of_pixels
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
        sums: Tensor = MaskCrossEntropy.apply(logits, targets, valid)[0]
        return mean_of_pixels(sums, logits, valid)


class MaskCrossEntropy(MaskFunction):
    """(logits, targets 0 or 1, valid) -> the sum over each mask's valid pixels, and its derivatives.

    At each pixel, the derivative is sigmoid(logit) - target. With w the logit of the wrong answer, the value is
    softplus(w).
    """

    @staticmethod
    def forward(logits: Tensor, targets: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        derivative = logits.sigmoid().sub_(targets)
        wrong_logits = torch.rsub(targets, 1, alpha=2).mul_(logits)
        wrong_probs = derivative.abs()
        values = softplus(wrong_logits, wrong_probs, 1 - wrong_probs)
        if valid is not None:
            values.mul_(valid)
            derivative.mul_(valid)
        return values.sum(1), derivative
