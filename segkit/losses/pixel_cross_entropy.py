"""The loss of per-pixel classification (Cheng et al. 2021, eq. 1)."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from segkit.errors import ConfigError
from segkit.ops.targets import label_map_of
from segkit.registries import LOSSES
from segkit.types import Match, PixelPrediction, Prediction, Target

_VOID = -100


@LOSSES.register("pixel_cross_entropy")
class PixelCrossEntropy(nn.Module):
    """Cross entropy at every pixel of known class, the logits being upsampled to the truth's size; the mean."""

    input_type: ClassVar = "prediction"

    def __init__(self) -> None:
        super().__init__()

    def forward(
        self, prediction: Prediction | PixelPrediction, targets: list[Target], matches: list[Match] | None
    ) -> Tensor:
        """pixel_logits (B,K,h,w) and the targets' label maps (B,H,W) -> scalar; 0 where no pixel's class is known."""
        if not isinstance(prediction, PixelPrediction):
            raise ConfigError(
                "loss 'pixel_cross_entropy' scores models of pixels, such as 'per_pixel', not of queries."
            )
        truth = torch.stack([_known_classes(target) for target in targets])
        logits = functional.interpolate(
            prediction.pixel_logits.float(), size=truth.shape[-2:], mode="bilinear", align_corners=False
        )
        total = functional.cross_entropy(logits, truth, ignore_index=_VOID, reduction="sum")
        return total / (truth != _VOID).sum().clamp(min=1)


def _known_classes(target: Target) -> Tensor:
    """(H,W) int64 class index, `_VOID` where there is no segment or the truth is not known."""
    classes = label_map_of(target, void=_VOID)
    return classes if target.valid is None else classes.masked_fill(~target.valid, _VOID)
