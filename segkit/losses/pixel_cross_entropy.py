"""The loss `pixel_cross_entropy`, on the logits of per-pixel models."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from segkit.classes import Classes
from segkit.errors import ConfigError
from segkit.losses._class_weights import weights_of
from segkit.ops.target_batch import TargetBatch
from segkit.registries import LOSSES
from segkit.registries.signature import Weight
from segkit.types import Match, PixelPrediction, Prediction, Target

_VOID = -100
"""Label of the pixels that do not count."""


@LOSSES.register("pixel_cross_entropy")
class PixelCrossEntropy(nn.Module):
    """Cross entropy of the classes of all labeled pixels, for per-pixel models (Cheng et al. 2021, eq. 1).

    Logits are upsampled to the targets' size. Pixels that are not valid or belong to no segment do not count. With
    `class_weights`, the mean is weighted by class.

    Args:
        classes: Of the dataset.
        class_weights: Weights by class name; 1 for all others. `auto` gives classes with few pixels in the training
            data more weight.

    Raises:
        ConfigError: `class_weights` names a class that the dataset does not have, or is `auto` outside of a training.

    Example:
        >>> prediction = PixelPrediction(torch.zeros(1, 4, 2, 2))  # 1 image, 4 classes
        >>> target = Target(labels=torch.tensor([3]), segment_map=torch.zeros(8, 8, dtype=torch.int16))
        >>> loss = PixelCrossEntropy(Classes.make(["road", "car", "sky", "sea"]))
        >>> round(loss(prediction, [target], None).item(), 4)  # log 4
        1.3863
    """

    input_type: ClassVar[Literal["prediction"]] = "prediction"
    weights: Tensor

    def __init__(self, classes: Classes, *, class_weights: dict[str, Weight] | Literal["auto"] | None = None) -> None:
        super().__init__()
        # Not saved: the weights follow from the settings, which the config holds.
        self.register_buffer("weights", weights_of("pixel_cross_entropy", classes, class_weights), persistent=False)
        self.weighted = bool(class_weights)

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
        weights = self.weights if self.weighted else None
        total = functional.cross_entropy(logits, labels, weights, ignore_index=_VOID, reduction="sum")
        # Without a labeled pixel, or where all weigh nothing, the sum is 0 and the loss with it, not nan.
        normalizer = self._weight_of(labels)
        return total / torch.where(normalizer > 0, normalizer, 1)

    def normalizer(self, targets: list[Target]) -> Tensor:
        """Returns the number of labeled pixels, or the sum of their weights, a scalar."""
        return self._weight_of(TargetBatch.collect(targets).label_maps(_VOID))

    def _weight_of(self, labels: Tensor) -> Tensor:
        labeled = labels != _VOID
        return (self.weights[labels.clamp(min=0)] * labeled).sum() if self.weighted else labeled.sum()
