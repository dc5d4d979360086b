"""The evaluator `mean_iou`, of semantic results."""

from typing import ClassVar

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.evaluators._pixel_pairs import pixel_pairs
from segkit.registries import EVALUATORS
from segkit.types import Metrics, SemanticResult, Target


@EVALUATORS.register("mean_iou")
class MeanIoU:
    """Mean intersection over union (mIoU) of classes, over the pixels of all images together.

    Beside it frequency weighted IoU, accuracies and the confusion matrix. Void pixels (of no segment, or not valid) do
    not count. A class that no target shows has no metric (nan) and does not enter the means.

    Args:
        classes: Of the dataset.

    Example:
        >>> evaluator = MeanIoU(Classes.make(["sky", "road"]))
        >>> target = Target(torch.tensor([0, 1]), segment_map=torch.tensor([[0, 0, 1, 1]]))
        >>> evaluator.add(SemanticResult(torch.tensor([[0, 0, 0, 1]])), target, image_id=1)
        >>> evaluator.compute().per_class["iou"]
        {'sky': 0.6666666666666666, 'road': 0.5}
    """

    result_type: ClassVar[type] = SemanticResult

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self._counts = torch.zeros(len(classes), len(classes), dtype=torch.int64)  # [target, predicted]

    def add(self, result: SemanticResult, target: Target, image_id: int | str) -> None:
        """Adds the pixels of one image."""
        pairs = pixel_pairs(result, target, len(self.classes), image_id)[:-1]
        # The counts stay on the device, so that no image waits for a transfer.
        self._counts = self._counts.to(pairs.device) + pairs

    def state(self) -> Tensor:
        """Returns the pixel counts (K,K) int64 by [target, predicted], on the CPU."""
        return self._counts.cpu()

    def merge(self, state: Tensor) -> None:
        """Adds the counts of another process."""
        self._counts = self._counts.cpu() + state

    def compute(self) -> Metrics:
        """Computes the metrics.

        Summary: `mean_iou`, `frequency_weighted_iou`, `pixel_accuracy`, `mean_accuracy`. Per class: `iou`, `accuracy`.
        The confusion matrix is that of pixels.
        """
        counts = self._counts.cpu().double()
        correct, annotated, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)  # (K,) each
        accuracy = correct / annotated  # 0 / 0 = nan: the class is absent
        iou = torch.where(annotated > 0, correct / (annotated + predicted - correct), torch.nan)
        present = annotated > 0
        total = annotated.sum()
        values = {
            "mean_iou": iou[present].mean(),
            "frequency_weighted_iou": (annotated[present] * iou[present]).sum() / total,
            "pixel_accuracy": correct.sum() / total,
            "mean_accuracy": accuracy[present].mean(),
        }
        return Metrics(
            values={name: float(value) for name, value in values.items()},
            per_class={
                "iou": dict(zip(self.classes.names, iou.tolist(), strict=True)),
                "accuracy": dict(zip(self.classes.names, accuracy.tolist(), strict=True)),
            },
            confusion_matrix={
                name: dict(zip(self.classes.names, row, strict=True))
                for name, row in zip(self.classes.names, self._counts.tolist(), strict=True)
            },
        )
