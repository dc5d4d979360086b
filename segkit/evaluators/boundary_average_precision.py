"""The evaluator `boundary_average_precision`, of instance results."""

from dataclasses import replace

from segkit.classes import Classes
from segkit.evaluators.average_precision import AveragePrecision, record_of
from segkit.ops.boundaries import mask_boundaries
from segkit.ops.run_length import encode_masks
from segkit.registries import EVALUATORS
from segkit.registries.signature import Fraction
from segkit.types import InstanceResult, Metrics, Target


@EVALUATORS.register("boundary_average_precision")
class BoundaryAveragePrecision(AveragePrecision):
    """Boundary AP of instances (Cheng et al. 2021).

    As `average_precision`, but the IoU of two masks is the smaller one of that of the masks and that of their
    boundaries: the pixels of a mask near its outline. So it asks for exact outlines, also of large instances.

    Args:
        classes: Of the dataset.
        dilation_ratio: Width of the boundaries, as a fraction of the image's diagonal. The paper uses 0.02 for COCO and
            0.005 for Cityscapes.

    Example:
        >>> import torch
        >>> evaluator = BoundaryAveragePrecision(Classes.make(["car"]))
        >>> masks = torch.ones(1, 4, 4, dtype=torch.bool)
        >>> target = Target(torch.tensor([0]), overlapping_masks=masks)
        >>> evaluator.add(InstanceResult(torch.tensor([0]), torch.tensor([0.9]), masks), target, image_id=1)
        >>> round(evaluator.compute().values["boundary_ap"], 3)
        1.0
    """

    def __init__(self, classes: Classes, *, dilation_ratio: Fraction = 0.02) -> None:
        super().__init__(classes)
        self.dilation_ratio = dilation_ratio

    def add(self, result: InstanceResult, target: Target, image_id: int | str) -> None:
        """Adds the instances of one image."""
        result, target = self._things(result, target)
        target_boundaries, boundaries = (
            encode_masks(mask_boundaries(masks, self.dilation_ratio)) for masks in (target.masks, result.masks)
        )
        record = record_of(result, target)
        self._images[image_id] = replace(record, target_boundaries=target_boundaries, boundaries=boundaries)

    def compute(self) -> Metrics:
        """Computes the metrics of `average_precision`, each with `boundary_` before its name: `boundary_ap`, ..."""
        metrics = super().compute()
        return Metrics(
            {f"boundary_{name}": value for name, value in metrics.values.items()},
            {f"boundary_{name}": values for name, values in metrics.per_class.items()},
        )
