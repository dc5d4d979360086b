"""Panoptic quality, as COCO's panopticapi counts it."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from segkit.classes import Classes
from segkit.errors import DataError
from segkit.ops.lookup import places_in
from segkit.ops.runs import run_lengths, run_starts
from segkit.registries import EVALUATORS
from segkit.types import Metrics, PanopticResult, Target

Counts = dict[str, NDArray[np.float64]]
"""(K,) each: `iou` summed over hits, `hits`, `false_alarms`, `misses`."""


@EVALUATORS.register("panoptic_quality")
class PanopticQuality:
    """PQ = SQ x RQ (Kirillov et al. 2019, equations 1 and 2), averaged over the classes that occur.

    A predicted and a true segment of one class match where their intersection over union, true void left out, is above
    0.5; there is at most one such partner. Void are the truth's pixels in no segment. An unmatched prediction is no
    false alarm where more than half of it lies on void or a crowd of its class; an unmatched crowd is no miss.
    """

    result_type: ClassVar[type] = PanopticResult

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self._counts: Counts = {name: np.zeros(len(classes)) for name in ("iou", "hits", "false_alarms", "misses")}

    def add(self, result: PanopticResult, target: Target, image_id: int | str) -> None:
        """Raises DataError where the truth's segments may overlap."""
        if target.segment_map is None:
            raise DataError(
                f"image {image_id}: panoptic quality needs a truth whose segments do not overlap, such as that of "
                "'coco_panoptic'. For overlapping instances use the evaluator 'average_precision'."
            )
        assert result.segment_map.shape == target.size, (
            f"image {image_id}: the result is {tuple(result.segment_map.shape)}, the truth {target.size}"
        )
        pairs = _pair_counts(result, target)
        truth_labels = target.labels.cpu().numpy()
        crowd = np.zeros(len(target), dtype=bool) if target.is_crowd is None else target.is_crowd.cpu().numpy()
        labels = np.array([segment.label for segment in result.segments], dtype=np.int64)
        self._count(pairs, truth_labels, crowd, labels)

    def _count(
        self,
        pairs: NDArray[np.int64],
        truth_labels: NDArray[np.int64],
        crowd: NDArray[np.bool_],
        labels: NDArray[np.int64],
    ) -> None:
        """`pairs` (N+1,S+1) pixels by true and predicted segment, row 0 void and column 0 nothing predicted."""
        areas, void = pairs[:, 1:].sum(0), pairs[0, 1:]  # (S,)
        assert (areas > 0).all(), "a panoptic result lists a segment without pixels"
        shared = pairs[1:, 1:]  # (N,S)
        union = pairs[1:].sum(1)[:, None] + areas - shared - void
        comparable = (truth_labels[:, None] == labels) & ~crowd[:, None] & (shared > 0)
        iou = np.divide(shared, union, out=np.zeros(shared.shape), where=comparable)
        truth_hit, hit = np.nonzero(iou > 0.5)

        np.add.at(self._counts["iou"], labels[hit], iou[truth_hit, hit])
        np.add.at(self._counts["hits"], labels[hit], 1)
        missed = ~crowd
        missed[truth_hit] = False
        np.add.at(self._counts["misses"], truth_labels[missed], 1)

        excused = void.copy()
        last_crowd = {int(truth_labels[index]): index for index in np.flatnonzero(crowd)}  # panopticapi's choice
        for index, label in enumerate(labels.tolist()):
            if label in last_crowd:
                excused[index] += shared[last_crowd[label], index]
        unmatched = np.ones(len(labels), dtype=bool)
        unmatched[hit] = False
        np.add.at(self._counts["false_alarms"], labels[unmatched & (excused / areas <= 0.5)], 1)

    def state(self) -> Counts:
        return self._counts

    def merge(self, state: Counts) -> None:
        """Add another process's counts."""
        self._counts = {name: counts + state[name] for name, counts in self._counts.items()}

    def compute(self) -> Metrics:
        """`pq`, `sq`, `rq` over all classes, things (`pq_things`, ...) and stuff (`pq_stuff`, ...), and per class."""
        iou, hits = self._counts["iou"], self._counts["hits"]
        weight = hits + 0.5 * self._counts["false_alarms"] + 0.5 * self._counts["misses"]
        occurs = weight > 0
        with np.errstate(invalid="ignore"):
            figures = {
                "pq": np.where(occurs, iou / weight, np.nan),
                "sq": np.where(occurs, iou / np.maximum(hits, 1), np.nan),
                "rq": np.where(occurs, hits / weight, np.nan),
            }
        things = np.array(self.classes.things, dtype=bool)
        values = {}
        for suffix, chosen in (("", occurs), ("_things", occurs & things), ("_stuff", occurs & ~things)):
            for name, figure in figures.items():
                values[name + suffix] = float(figure[chosen].mean()) if chosen.any() else float("nan")
        per_class = {
            name: dict(zip(self.classes.names, figure.tolist(), strict=True)) for name, figure in figures.items()
        }
        return Metrics(values, per_class)


def _pair_counts(result: PanopticResult, target: Target) -> NDArray[np.int64]:
    """(N+1,S+1) int64 pixels by true and predicted segment in their lists' order, row 0 void, column 0 none.

    Counted by runs: neighbouring pixels that have both segments in common. There are far fewer of them than pixels.
    """
    assert target.segment_map is not None
    truth, predicted = target.segment_map.cpu().numpy().ravel(), result.segment_map.cpu().numpy().ravel()
    starts = run_starts(truth, predicted)  # (R,)
    rows, columns = truth[starts].astype(np.int64) + 1, _places(predicted[starts], result)
    shape = len(target) + 1, len(result.segments) + 1
    pixels = np.bincount(rows * shape[1] + columns, run_lengths(starts, truth.size), shape[0] * shape[1])
    return pixels.astype(np.int64).reshape(shape)


def _places(ids: NDArray[np.int32], result: PanopticResult) -> NDArray[np.int64]:
    """(R,) int64 of `ids` (R,): the place in `result.segments`, from 1, of the segment of this id, 0 for none."""
    listed = np.array([0, *[segment.id for segment in result.segments]])
    places, known = places_in(listed, ids)
    assert known.all(), "a panoptic result's map holds an id that its list lacks"
    return places
