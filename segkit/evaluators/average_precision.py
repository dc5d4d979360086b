"""The evaluator `average_precision`, of instance results."""

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from segkit.classes import Classes
from segkit.evaluators._coco_evaluation import ImageRecord, precision_and_recall
from segkit.ops.run_length import encode_masks, rle_areas
from segkit.ops.targets import select_segments
from segkit.registries import EVALUATORS
from segkit.types import InstanceResult, Metrics, Target

ALL, SMALL, MEDIUM, LARGE = range(4)
"""COCO's ranges of areas."""
FIRST, TEN, HUNDRED = range(3)
"""COCO's limits of instances per image."""


@EVALUATORS.register("average_precision")
class AveragePrecision:
    """COCO's mask average precision (AP) of instances, as pycocotools computes it.

    AP is the mean over the IoU thresholds 0.50, 0.55, ... 0.95 and over thing classes. Stuff is left out of target and
    result; in a class list without any thing, all classes count as things. Crowds count neither as found nor as missed,
    and instances that lie on a crowd are not false positives. Size ranges use the areas of the annotation. ADE20K's
    instance challenge measures the same.

    An image that is added twice counts once. The order in which images are added has no effect: of instances with the
    same score, those of the smaller image id come first, as in pycocotools. Where faster-coco-eval is installed, it
    computes the same in less time.

    Args:
        classes: Of the dataset.

    Example:
        >>> evaluator = AveragePrecision(Classes.make(["car"]))
        >>> masks = torch.ones(1, 4, 4, dtype=torch.bool)
        >>> target = Target(torch.tensor([0]), overlapping_masks=masks)
        >>> evaluator.add(InstanceResult(torch.tensor([0]), torch.tensor([0.9]), masks), target, image_id=1)
        >>> round(evaluator.compute().values["ap"], 3)
        1.0
    """

    result_type: ClassVar[type] = InstanceResult

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self._countable = torch.tensor(classes.countable)
        self._images: dict[int | str, ImageRecord] = {}

    def add(self, result: InstanceResult, target: Target, image_id: int | str) -> None:
        """Adds the instances of one image."""
        self._images[image_id] = record_of(*self._things(result, target))

    def _things(self, result: InstanceResult, target: Target) -> tuple[InstanceResult, Target]:
        """Returns what counts of result and target."""
        chosen = self._countable.to(result.labels.device)[result.labels]
        things = InstanceResult(result.labels[chosen], result.scores[chosen], result.masks[chosen])
        return things, select_segments(target, self._countable.to(target.labels.device)[target.labels])

    def state(self) -> dict[int | str, ImageRecord]:
        """Returns the images added so far."""
        return self._images

    def merge(self, state: dict[int | str, ImageRecord]) -> None:
        """Adds the images of another process."""
        self._images.update(state)

    def compute(self) -> Metrics:
        """Computes the metrics.

        Summary: `ap`, `ap50`, `ap75`; `ap_small`, `ap_medium`, `ap_large` for areas up to 32 * 32 pixels, up to 96 * 96
        and above; `ar`, the recall of 100 instances per image, `ar1` and `ar10`, of 1 and 10 per image, `ar_small`,
        `ar_medium`, `ar_large`. Per class: the same.
        """
        precision, recall = precision_and_recall(self._in_order(), len(self.classes))
        of_classes = [metrics_of(precision[:, :, [k]], recall[:, [k]]) for k in range(len(self.classes))]
        values = metrics_of(precision, recall)
        per_class = {
            name: {label: one[name] for label, one in zip(self.classes.names, of_classes, strict=True)}
            for name in values
        }
        return Metrics(values, per_class)

    def _in_order(self) -> list[ImageRecord]:
        """Returns the images by id: numbers, then texts."""
        ids = sorted(self._images, key=lambda image_id: (isinstance(image_id, str), image_id))
        return [self._images[image_id] for image_id in ids]


def record_of(result: InstanceResult, target: Target) -> ImageRecord:
    """Returns what is kept of one image.

    Example:
        >>> masks = torch.ones(1, 4, 4, dtype=torch.bool)
        >>> result = InstanceResult(torch.tensor([0]), torch.tensor([0.5]), masks)
        >>> record_of(result, Target(torch.tensor([0]), overlapping_masks=masks)).target_areas
        [16.0]
    """
    target_rles = encode_masks(target.masks)
    areas = rle_areas(target_rles) if target.areas is None else target.areas.tolist()
    return ImageRecord(
        size=target.size,
        target_labels=target.labels.tolist(),
        target_rles=target_rles,
        target_areas=[float(area) for area in areas],
        crowd=[False] * len(target) if target.is_crowd is None else target.is_crowd.tolist(),
        labels=result.labels.tolist(),
        scores=result.scores.tolist(),
        rles=encode_masks(result.masks),
    )


def metrics_of(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> dict[str, float]:
    """Returns COCO's twelve metrics of precision (10,101,K,4,3) and recall (10,K,4,3), means over K classes.

    Example:
        >>> metrics_of(np.full((10, 101, 1, 4, 3), 0.5), np.full((10, 1, 4, 3), -1.0))["ap75"]
        0.5
    """
    at_most = precision[..., HUNDRED]
    # Thresholds 0 and 5 are IoU 0.50 and 0.75.
    return {
        "ap": _mean(at_most[..., ALL]),
        "ap50": _mean(at_most[0, ..., ALL]),
        "ap75": _mean(at_most[5, ..., ALL]),
        "ap_small": _mean(at_most[..., SMALL]),
        "ap_medium": _mean(at_most[..., MEDIUM]),
        "ap_large": _mean(at_most[..., LARGE]),
        "ar": _mean(recall[..., ALL, HUNDRED]),
        "ar1": _mean(recall[..., ALL, FIRST]),
        "ar10": _mean(recall[..., ALL, TEN]),
        "ar_small": _mean(recall[..., SMALL, HUNDRED]),
        "ar_medium": _mean(recall[..., MEDIUM, HUNDRED]),
        "ar_large": _mean(recall[..., LARGE, HUNDRED]),
    }


def _mean(values: NDArray[np.float64]) -> float:
    """Returns the mean of what is defined (-1 is not), or nan."""
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else float("nan")
