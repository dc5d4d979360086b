"""Average precision of instance masks, as COCO computes it."""

import contextlib
import io
from dataclasses import dataclass
from typing import Any, ClassVar

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
    truth_labels: list[int]
    truth_rles: list[Rle]
    truth_areas: list[float]
    crowd: list[bool]
    labels: list[int]
    scores: list[float]
    rles: list[Rle]


@EVALUATORS.register("average_precision")
class AveragePrecision:
    """COCO's mask AP, computed by pycocotools: the mean over the thresholds 0.50 to 0.95 and over thing classes.

    Stuff is left out of truth and results alike; a class list without any thing counts as all things. Crowds and the
    annotations' own areas are honoured. An image added twice counts once.
    """

    result_type: ClassVar[type] = InstanceResult

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self._countable = torch.tensor(classes.countable)
        self._images: dict[int | str, ImageRecord] = {}

    def add(self, result: InstanceResult, target: Target, image_id: int | str) -> None:
        kept = self._countable.to(target.labels.device)[target.labels]
        truth = select_segments(target, kept)
        truth_rles = encode_masks(truth.masks)
        areas = [float(area) for area in (rle_areas(truth_rles) if truth.areas is None else truth.areas.tolist())]
        chosen = self._countable.to(result.labels.device)[result.labels]
        self._images[image_id] = ImageRecord(
            size=target.size,
            truth_labels=truth.labels.tolist(),
            truth_rles=truth_rles,
            truth_areas=areas,
            crowd=[False] * len(truth) if truth.is_crowd is None else truth.is_crowd.tolist(),
            labels=result.labels[chosen].tolist(),
            scores=result.scores[chosen].tolist(),
            rles=encode_masks(result.masks[chosen]),
        )

    def state(self) -> dict[int | str, ImageRecord]:
        return self._images

    def merge(self, state: dict[int | str, ImageRecord]) -> None:
        """Take over another process's images."""
        self._images.update(state)

    def compute(self) -> Metrics:
        """`ap`, `ap50`, `ap75`, `ap_small`, `ap_medium`, `ap_large` (areas up to 32² and 96² pixels, and above), `ar`
        (recall of 100 instances per image); per class `ap`."""
        precision, recall = (
            self._evaluate()
        )  # precision[threshold, recall, class, area]; recall[threshold, class, area]
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
        """COCOeval's precision (10,101,K,4) and recall (10,K,4) at 100 instances per image, -1 where undefined."""
        num_classes = len(self.classes)
        if not self._images:
            return np.full((10, 101, num_classes, 4), -1.0), np.full((10, num_classes, 4), -1.0)
        truth, results = self._as_coco()
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports its progress there
            evaluation = COCOeval(_index(truth), _index(results), "segm")
            evaluation.evaluate()
            evaluation.accumulate()
        return evaluation.eval["precision"][..., -1], evaluation.eval["recall"][..., -1]

    def _as_coco(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Truth and results as COCO data sets; ids from 1, since COCOeval takes 0 for "unmatched"."""
        truth: list[dict[str, Any]] = []
        results: list[dict[str, Any]] = []
        images = []
        for image_id, record in enumerate(self._images.values(), start=1):
            images.append({"id": image_id, "height": record.size[0], "width": record.size[1]})
            for label, rle, area, crowd in zip(
                record.truth_labels, record.truth_rles, record.truth_areas, record.crowd, strict=True
            ):
                entry = _annotation(len(truth) + 1, image_id, label, rle, area)
                truth.append({**entry, "iscrowd": int(crowd)})
            areas = rle_areas(record.rles)
            for label, rle, area, score in zip(record.labels, record.rles, areas, record.scores, strict=True):
                entry = _annotation(len(results) + 1, image_id, label, rle, area)
                results.append({**entry, "iscrowd": 0, "score": score})
        categories = [{"id": index, "name": name} for index, name in enumerate(self.classes.names)]
        shared = {"images": images, "categories": categories}
        return {**shared, "annotations": truth}, {**shared, "annotations": results}


def _annotation(number: int, image_id: int, label: int, rle: Rle, area: float) -> dict[str, Any]:
    return {"id": number, "image_id": image_id, "category_id": label, "segmentation": rle, "area": area}


def _index(dataset: dict[str, Any]) -> COCO:
    coco = COCO()
    coco.dataset = dataset
    coco.createIndex()
    return coco


def _mean(figures: NDArray[np.float64]) -> float:
    """The mean of what is defined (-1 is not), or nan."""
    defined = figures[figures > -1]
    return float(defined.mean()) if defined.size else float("nan")
