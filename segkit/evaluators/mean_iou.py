"""Mean intersection over union of classes, by counting pixels."""

from typing import ClassVar

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.ops.targets import label_map_of
from segkit.registries import EVALUATORS
from segkit.types import Metrics, SemanticResult, Target


@EVALUATORS.register("mean_iou")
class MeanIoU:
    """Pixels counted over all images together; void pixels (of no segment, or not valid) are left out.

    A class that the truth never shows has no figure (nan) and no part in the means.
    """

    result_type: ClassVar[type] = SemanticResult

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self._counts = torch.zeros(len(classes), len(classes), dtype=torch.int64)  # [truth, predicted]

    def add(self, result: SemanticResult, target: Target, image_id: int | str) -> None:
        predicted = result.label_map
        assert predicted.shape == target.size, (
            f"image {image_id}: the result is {tuple(predicted.shape)}, the truth {target.size} (height, width)"
        )
        count = len(self.classes)
        target = target.to(predicted.device)
        truth = label_map_of(target, count)
        if target.valid is not None:
            truth = torch.where(target.valid, truth, count)
        pairs = torch.bincount((truth * count + predicted).flatten(), minlength=count * (count + 1))
        pairs = pairs[: count * count].view(count, count)
        self._counts = self._counts.to(pairs.device) + pairs  # stays on the device: no wait per image

    def state(self) -> Tensor:
        """(K,K) int64 pixels by [truth, predicted], on the CPU."""
        return self._counts.cpu()

    def merge(self, state: Tensor) -> None:
        """Add another process's counts."""
        self._counts = self._counts.cpu() + state

    def compute(self) -> Metrics:
        """`mean_iou`, `frequency_weighted_iou`, `pixel_accuracy`, `mean_accuracy`; per class `iou`, `accuracy`."""
        counts = self._counts.cpu().double()
        hits, truth, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
        accuracy = hits / truth  # 0 / 0 = nan: the class is absent
        iou = torch.where(truth > 0, hits / (truth + predicted - hits), torch.nan)
        present = truth > 0
        total = truth.sum()
        values = {
            "mean_iou": iou[present].mean(),
            "frequency_weighted_iou": (truth[present] * iou[present]).sum() / total,
            "pixel_accuracy": hits.sum() / total,
            "mean_accuracy": accuracy[present].mean(),
        }
        return Metrics(
            values={name: float(value) for name, value in values.items()},
            per_class={
                "iou": dict(zip(self.classes.names, iou.tolist(), strict=True)),
                "accuracy": dict(zip(self.classes.names, accuracy.tolist(), strict=True)),
            },
        )
