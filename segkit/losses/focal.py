"""The loss `focal`, on masks."""

from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from segkit.losses._mask_function import MaskFunction, mean_of_pixels
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
        sums: Tensor = MaskFocal.apply(logits, targets, valid, self.alpha, self.gamma)[0]
        return mean_of_pixels(sums, logits, valid)


class MaskFocal(MaskFunction):
    """(logits, targets 0 or 1, valid, alpha, gamma) -> the sum over each mask's valid pixels, and its derivatives.

    A derivative shares nearly all terms with the value. At each pixel, with w the logit of the wrong answer,
    p = sigmoid(w) and value = weight * p^gamma * softplus(w), the derivative by w is
    weight * p^gamma * (gamma * (1 - p) * softplus(w) + p).
    """

    @staticmethod
    def forward(
        logits: Tensor, targets: Tensor, valid: Tensor | None, alpha: float, gamma: float
    ) -> tuple[Tensor, Tensor]:
        sign = torch.rsub(targets, 1, alpha=2)  # -1 inside, 1 outside: w = sign * logits
        # sigmoid(logits) rather than sigmoid(w): a compiler then computes it once for this loss and dice.
        probs = torch.addcmul(targets, logits.sigmoid(), sign)
        right = 1 - probs  # probability of the right answer
        cross_entropy = softplus(logits * sign, probs, right)
        derivative = torch.addcmul(probs, right, cross_entropy, value=gamma)
        # From here on, tensors that nothing reads again as they are get overwritten.
        # (1 - alpha) - (1 - 2 alpha) * targets: alpha inside, 1 - alpha outside.
        weight = torch.rsub(targets, 1 - alpha, alpha=1 - 2 * alpha).mul_(probs.pow_(gamma))
        if valid is not None:
            weight.mul_(valid)
        return cross_entropy.mul_(weight).sum(1), derivative.mul_(weight).mul_(sign)
