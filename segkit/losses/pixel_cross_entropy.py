"""The loss `pixel_cross_entropy`, on the logits of per-pixel models."""

from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional

from segkit.errors import ConfigError
from segkit.ops.target_batch import TargetBatch
from segkit.registries import LOSSES
from segkit.types import Match, PixelPrediction, Prediction, Target

_VOID = -100
"""Label of the pixels that do not count."""


@LOSSES.register("pixel_cross_entropy")
class PixelCrossEntropy(nn.Module):
    """Cross entropy of the classes of all labeled pixels, for per-pixel models (Cheng et al. 2021, eq. 1).

    Logits are upsampled to the targets' size. Pixels that are not valid or belong to no segment do not count.

    Example:
        >>> import torch
        >>> prediction = PixelPrediction(torch.zeros(1, 4, 2, 2))  # 1 image, 4 classes
        >>> target = Target(labels=torch.tensor([3]), segment_map=torch.zeros(8, 8, dtype=torch.int16))
        >>> round(PixelCrossEntropy()(prediction, [target], None).item(), 4)  # log 4
        1.3863
    """

    input_type: ClassVar[Literal["prediction"]] = "prediction"

    def __init__(self) -> None:
        super().__init__()

    def forward(
        self, prediction: Prediction | PixelPrediction, targets: list[Target], matches: list[Match] | None
    ) -> Tensor:
        """Computes the loss of one layer.

        Args:
            prediction: With pixel_logits (B,K,h,w).
            targets: Of the B images, all of one size (H,W).
            matches: Not used.

        Returns:
            Scalar; 0 where no pixel counts.

        Raises:
            ConfigError: the prediction is one of queries.
        """
        if not isinstance(prediction, PixelPrediction):
            raise ConfigError(
                "loss 'pixel_cross_entropy': this model predicts masks of queries, not pixels. Use it with a per-pixel "
                "model such as 'per_pixel', or use the losses 'cross_entropy', 'focal' and 'dice'."
            )
        labels = TargetBatch.collect(targets).label_maps(_VOID)  # (B, H, W)
        logits = functional.interpolate(
            # In float32: half precision would round the interpolated logits.
            prediction.pixel_logits.float(),
            size=labels.shape[-2:],
            mode="bilinear",
            align_corners=False,
        )
        total = functional.cross_entropy(logits, labels, ignore_index=_VOID, reduction="sum")
        # Without a labeled pixel, the sum is 0 and the loss with it, not nan.
        return total / (labels != _VOID).sum().clamp(min=1)

    def normalizer(self, targets: list[Target]) -> Tensor:
        """Returns the number of labeled pixels, a scalar."""
        return (TargetBatch.collect(targets).label_maps(_VOID) != _VOID).sum()
