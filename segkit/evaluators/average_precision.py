"""The evaluator `average_precision`, of instance results."""

import contextlib
import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from segkit.classes import Classes
from segkit.ops.run_length import Rle, encode_masks, rle_areas
from segkit.ops.targets import select_segments
from segkit.registries import EVALUATORS
from segkit.types import InstanceResult, Metrics, Target


@dataclass
class ImageRecord:
    """What is kept of one image: run lengths, no pixels."""

    size: tuple[int, int]
    """(height, width)."""
    target_labels: list[int]
    target_rles: list[Rle]
    target_areas: list[float]
    """In pixels; those of the annotation where it has its own."""
    crowd: list[bool]
    """Which segments of the target are crowds."""
    labels: list[int]
    """Of the result, as are the following."""
    scores: list[float]
    rles: list[Rle]


@EVALUATORS.register("average_precision")
class AveragePrecision:
    """COCO's mask average precision (AP) of instances, as pycocotools computes it.

    AP is the mean over the IoU thresholds 0.50, 0.55, ... 0.95 and over thing classes. Stuff is left out of target and
    result; in a class list without any thing, all classes count as things. Crowds count neither as found nor as missed,
    and instances that lie on a crowd are not false positives. Size ranges use the areas of the annotation.

    An image that is added twice counts once. The order in which images are added has no effect: of instances with the
    same score, those of the smaller image id come first, as in pycocotools.

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
        things = select_segments(target, self._countable.to(target.labels.device)[target.labels])
        target_rles = encode_masks(things.masks)
        areas = rle_areas(target_rles) if things.areas is None else things.areas.tolist()
        chosen = self._countable.to(result.labels.device)[result.labels]
        self._images[image_id] = ImageRecord(
            size=target.size,
            target_labels=things.labels.tolist(),
            target_rles=target_rles,
            target_areas=[float(area) for area in areas],
            crowd=[False] * len(things) if things.is_crowd is None else things.is_crowd.tolist(),
            labels=result.labels[chosen].tolist(),
            scores=result.scores[chosen].tolist(),
            rles=encode_masks(result.masks[chosen]),
        )

    def state(self) -> dict[int | str, ImageRecord]:
        """Returns the images added so far."""
        return self._images

    def merge(self, state: dict[int | str, ImageRecord]) -> None:
        """Adds the images of another process."""
        self._images.update(state)

    def compute(self) -> Metrics:
        """Computes the metrics.

        Summary: `ap`, `ap50`, `ap75`; `ap_small`, `ap_medium`, `ap_large` for areas up to 32 * 32 pixels, up to 96 * 96
        and above; `ar`, the recall of 100 instances per image. Per class: `ap`.
        """
        precision, recall = self._evaluate()
        # Thresholds 0 and 5 are IoU 0.50 and 0.75; the areas are all, small, medium, large.
        values = {
            "ap": _mean(precision[..., 0]),
            "ap50": _mean(precision[0, :, :, 0]),
            "ap75": _mean(precision[5, :, :, 0]),
            "ap_small": _mean(precision[..., 1]),
            "ap_medium": _mean(precision[..., 2]),
            "ap_large": _mean(precision[..., 3]),
            "ar": _mean(recall[..., 0]),
        }
        per_class = {name: _mean(precision[:, :, index, 0]) for index, name in enumerate(self.classes.names)}
        return Metrics(values, {"ap": per_class})

    def _evaluate(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns COCOeval's precision [threshold, recall, class, area] and recall [threshold, class, area].

        Their shapes are (10,101,K,4) and (10,K,4), for 100 instances per image; -1 where undefined.
        """
        num_classes = len(self.classes)
        if not self._images:
            return np.full((10, 101, num_classes, 4), -1.0), np.full((10, num_classes, 4), -1.0)
        targets, results = self._as_coco()
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
            evaluation = COCOeval(_index(targets), _index(results), "segm")
            evaluation.evaluate()
            evaluation.accumulate()
        return evaluation.eval["precision"][..., -1], evaluation.eval["recall"][..., -1]

    def _as_coco(self) -> tuple[dict[str, object], dict[str, object]]:
        """Returns targets and results as COCO datasets."""
        targets: list[dict[str, object]] = []
        results: list[dict[str, object]] = []
        images: list[dict[str, object]] = []
        # Ids count from 1, since COCOeval reads 0 as "unmatched".
        for image_id, record in enumerate(self._in_order(), start=1):
            images.append({"id": image_id, "height": record.size[0], "width": record.size[1]})
            for label, rle, area, crowd in zip(
                record.target_labels, record.target_rles, record.target_areas, record.crowd, strict=True
            ):
                entry = _annotation(len(targets) + 1, image_id, label, rle, area)
                targets.append({**entry, "iscrowd": int(crowd)})
            areas = rle_areas(record.rles)
            for label, rle, area, score in zip(record.labels, record.rles, areas, record.scores, strict=True):
                entry = _annotation(len(results) + 1, image_id, label, rle, area)
                results.append({**entry, "iscrowd": 0, "score": score})
        categories = [{"id": index, "name": name} for index, name in enumerate(self.classes.names)]
        common: dict[str, object] = {"images": images, "categories": categories}
        return {**common, "annotations": targets}, {**common, "annotations": results}

    def _in_order(self) -> list[ImageRecord]:
        """Returns the images by id: numbers, then texts."""
        ids = sorted(self._images, key=lambda image_id: (isinstance(image_id, str), image_id))
        return [self._images[image_id] for image_id in ids]


def _annotation(number: int, image_id: int, label: int, rle: Rle, area: float) -> dict[str, object]:
    return {"id": number, "image_id": image_id, "category_id": label, "segmentation": rle, "area": area}


def _index(dataset: dict[str, object]) -> COCO:
    coco = COCO()
    coco.dataset = dataset
    coco.createIndex()
    return coco


def _mean(values: NDArray[np.float64]) -> float:
    """Returns the mean of what is defined (-1 is not), or nan."""
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else float("nan")
