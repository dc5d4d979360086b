"""COCO's evaluation of instances, by faster-coco-eval where it is installed, else by pycocotools.

Both compute the same; faster-coco-eval does the matching in C++.
"""

import contextlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from segkit.ops.run_length import Rle, rle_areas

try:
    from faster_coco_eval import COCO
    from faster_coco_eval import COCOeval_faster as COCOeval
except ImportError:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

Dataset = dict[str, list[dict[str, Any]]]
"""A dataset in COCO's format."""
Ious = list[Any] | NDArray[np.float64]
"""(results, targets) of an image and a class; an empty list where there are none of either."""


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
    target_boundaries: list[Rle] = field(default_factory=list)
    """Of the segments of the target, for boundary AP; else none."""
    boundaries: list[Rle] = field(default_factory=list)
    """Of the instances of the result, likewise."""


def precision_and_recall(
    records: Iterable[ImageRecord], num_classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns COCO's precision [threshold, recall, class, area, limit] and recall [threshold, class, area, limit].

    Their shapes are (10,101,K,4,3) and (10,K,4,3), -1 where undefined. Areas are all, small, medium and large; limits
    are 1, 10 and 100 instances per image. Where the records have boundaries, the IoU of two masks is the smaller one of
    that of the masks and that of their boundaries, except for crowds.

    Args:
        records: In the order that decides between instances of the same score.
        num_classes: K.

    Example:
        >>> rle = Rle(size=[2, 2], counts=b"04")
        >>> record = ImageRecord((2, 2), [0], [rle], [4.0], [False], [0], [0.9], [rle])
        >>> precision, recall = precision_and_recall([record], num_classes=1)
        >>> precision[0, :3, 0, 0, 2].round(6).tolist(), recall[0, 0, 0].tolist()
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0])
    """
    targets, results = _as_coco(records, num_classes)
    if not targets["images"]:
        return np.full((10, 101, num_classes, 4, 3), -1.0), np.full((10, num_classes, 4, 3), -1.0)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        evaluation = COCOeval(_index(targets), _index(results), "segm")
        evaluation.computeIoU = partial(_compute_iou, evaluation, evaluation.computeIoU)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"], evaluation.eval["recall"]


def _as_coco(records: Iterable[ImageRecord], num_classes: int) -> tuple[Dataset, Dataset]:
    """Returns targets and results as COCO datasets."""
    images, targets, results = [], [], []
    # Ids count from 1, since COCOeval reads 0 as "unmatched".
    for image_id, record in enumerate(records, start=1):
        images.append({"id": image_id, "height": record.size[0], "width": record.size[1]})
        targets += _annotations(
            image_id,
            category_id=record.target_labels,
            segmentation=record.target_rles,
            area=record.target_areas,
            iscrowd=[int(crowd) for crowd in record.crowd],
            boundary=record.target_boundaries,
        )
        results += _annotations(
            image_id,
            category_id=record.labels,
            segmentation=record.rles,
            area=rle_areas(record.rles),
            iscrowd=[0] * len(record.rles),
            score=record.scores,
            boundary=record.boundaries,
        )
    categories = [{"id": index, "name": str(index)} for index in range(num_classes)]
    for annotations in (targets, results):
        for number, annotation in enumerate(annotations, start=1):
            annotation["id"] = number
    common: Dataset = {"images": images, "categories": categories}
    return {**common, "annotations": targets}, {**common, "annotations": results}


def _annotations(image_id: int, **columns: list[Any]) -> list[dict[str, Any]]:
    """Returns one annotation per row of `columns`. Empty columns are left out."""
    named = {name: column for name, column in columns.items() if column}
    return [{"image_id": image_id, **dict(zip(named, row, strict=True))} for row in zip(*named.values(), strict=True)]


def _index(dataset: Dataset) -> Any:
    coco = COCO()
    coco.dataset = dataset
    coco.createIndex()
    return coco


def _compute_iou(evaluation: Any, of_masks: Callable[[int, int], Ious], image_id: int, class_id: int) -> Ious:
    """Returns the IoUs of an image and a class as COCOeval asks for them; `of_masks` are its own."""
    ious = of_masks(image_id, class_id)
    if len(ious) == 0:
        return ious
    targets, results = (
        coco.loadAnns(coco.getAnnIds(imgIds=[image_id], catIds=[class_id]))
        for coco in (evaluation.cocoGt, evaluation.cocoDt)
    )
    if "boundary" not in targets[0]:
        return ious
    # In the order of `ious`, in which the best instances come first.
    order = np.argsort([-result["score"] for result in results], kind="stable")[: len(ious)]
    ious = np.array(ious)
    of_boundaries = coco_mask.iou(
        [results[place]["boundary"] for place in order],
        [target["boundary"] for target in targets],
        [0] * len(targets),
    )
    single = [not target["iscrowd"] for target in targets]
    ious[:, single] = np.minimum(ious, of_boundaries)[:, single]
    return ious
