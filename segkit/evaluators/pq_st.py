"""The evaluator `pq_st`, of semantic results."""

from typing import ClassVar

import numpy as np

from segkit.classes import Classes
from segkit.evaluators._pixel_pairs import pixel_pairs
from segkit.evaluators._segment_counts import Counts, added, by_name, mean_of, no_counts, rates
from segkit.registries import EVALUATORS
from segkit.types import Metrics, SemanticResult, Target


@EVALUATORS.register("pq_st")
class PQSt:
    """Panoptic quality of semantic segmentation, with all classes as stuff: PQ^St of MaskFormer (Cheng et al. 2021).

    All pixels of a class in an image are one segment, of the target and of the result, and segments are matched and
    counted as by `panoptic_quality`. Beside mean IoU, which counts pixels, it counts each segment equally, whatever its
    size. Void pixels (of no segment, or not valid) count as there.

    Args:
        classes: Of the dataset.

    Example:
        >>> import torch
        >>> evaluator = PQSt(Classes.make(["sky", "road"]))
        >>> target = Target(torch.tensor([0, 1]), segment_map=torch.tensor([[0, 0, 0, 1]]))
        >>> evaluator.add(SemanticResult(torch.tensor([[0, 0, 1, 1]])), target, image_id=1)
        >>> {name: round(value, 3) for name, value in evaluator.compute().values.items()}
        {'pq_st': 0.333, 'sq_st': 0.333, 'rq_st': 0.5}
    """

    result_type: ClassVar[type] = SemanticResult

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self._counts = no_counts(len(classes))

    def add(self, result: SemanticResult, target: Target, image_id: int | str) -> None:
        """Adds the segments of one image."""
        pairs = pixel_pairs(result, target, len(self.classes), image_id).cpu().numpy()
        void, predicted, annotated = pairs[-1], pairs.sum(0), pairs[:-1].sum(1)  # (K,) each
        common = pairs[:-1].diagonal()
        union = annotated + predicted - void - common
        iou = common / np.maximum(union, 1)
        matched = iou > 0.5
        counts = {
            "iou": np.where(matched, iou, 0.0),
            "true_positives": matched.astype(float),
            # A segment that lies mostly on void is no false positive.
            "false_positives": ((predicted > 0) & ~matched & (void <= 0.5 * predicted)).astype(float),
            "false_negatives": ((annotated > 0) & ~matched).astype(float),
        }
        self._counts = added(self._counts, counts)

    def state(self) -> Counts:
        """Returns the counts of each class."""
        return self._counts

    def merge(self, state: Counts) -> None:
        """Adds the counts of another process."""
        self._counts = added(self._counts, state)

    def compute(self) -> Metrics:
        """Computes the metrics. Summary and per class: `pq_st`, `sq_st`, `rq_st`."""
        of_classes = {f"{name}_st": values for name, values in rates(self._counts).items()}
        every = np.ones(len(self.classes), dtype=bool)
        return Metrics(
            {name: mean_of(values, every) for name, values in of_classes.items()},
            {name: by_name(self.classes, values) for name, values in of_classes.items()},
        )
