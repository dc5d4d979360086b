"""The evaluator `boundary_iou`, of semantic results."""

from typing import ClassVar

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.evaluators._pixel_pairs import label_maps
from segkit.ops.boundaries import boundary_width, near_other
from segkit.registries import EVALUATORS
from segkit.registries.signature import Fraction
from segkit.types import Metrics, SemanticResult, Target


@EVALUATORS.register("boundary_iou")
class BoundaryIoU:
    """Boundary IoU of classes (Cheng et al. 2021), over the pixels of all images together.

    As mean IoU, but of each class only the pixels near its outline count: those within some distance of another class,
    of void or of the image's edge. So it tells how exact outlines are, also those of large regions. Void pixels belong
    to no class, in the target and in the result. A class that no target shows has no metric (nan).

    Args:
        classes: Of the dataset.
        dilation_ratio: Width of the boundaries, as a fraction of the image's diagonal. The paper uses 0.02 for COCO and
            0.005 for Cityscapes.

    Example:
        >>> evaluator = BoundaryIoU(Classes.make(["sky", "road"]))
        >>> target = Target(torch.tensor([0, 1]), segment_map=torch.tensor([[0, 0, 1, 1]]))
        >>> evaluator.add(SemanticResult(torch.tensor([[0, 0, 0, 1]])), target, image_id=1)
        >>> evaluator.compute().per_class["boundary_iou"]
        {'sky': 0.6666666666666666, 'road': 0.5}
    """

    result_type: ClassVar[type] = SemanticResult

    def __init__(self, classes: Classes, *, dilation_ratio: Fraction = 0.02) -> None:
        self.classes = classes
        self.dilation_ratio = dilation_ratio
        self._counts = torch.zeros(3, len(classes), dtype=torch.int64)  # common, of the target, of the result

    def add(self, result: SemanticResult, target: Target, image_id: int | str) -> None:
        """Adds the boundaries of one image."""
        void = len(self.classes)
        labels, predicted = label_maps(result, target, void, image_id)
        predicted = torch.where(labels == void, void, predicted)
        width = boundary_width(target.size, self.dilation_ratio)
        annotated, found = (_boundary_labels(one, width, void) for one in (labels, predicted))
        counted = (annotated[annotated == found], annotated, found)
        self._counts += torch.stack([torch.bincount(one.flatten(), minlength=void + 1)[:void] for one in counted])

    def state(self) -> Tensor:
        """Returns the pixel counts (3,K) int64: on both boundaries, on the target's and on the result's."""
        return self._counts

    def merge(self, state: Tensor) -> None:
        """Adds the counts of another process."""
        self._counts = self._counts + state

    def compute(self) -> Metrics:
        """Computes the metrics. Summary: `mean_boundary_iou`. Per class: `boundary_iou`."""
        common, annotated, found = self._counts.double()
        iou = torch.where(annotated > 0, common / (annotated + found - common), torch.nan)
        return Metrics(
            {"mean_boundary_iou": float(iou[annotated > 0].mean())},
            {"boundary_iou": dict(zip(self.classes.names, iou.tolist(), strict=True))},
        )


def _boundary_labels(labels: Tensor, width: int, void: int) -> Tensor:
    """Returns the class (H,W) of pixels on a boundary, on the CPU; `void` elsewhere."""
    labels = labels.cpu()
    return torch.where(torch.from_numpy(near_other(labels.numpy(), width)), labels, void)
