"""The evaluator `panoptic_quality`, of panoptic results."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from segkit.classes import Classes
from segkit.errors import DataError
from segkit.evaluators._segment_counts import Counts, added, by_name, mean_of, no_counts, rates
from segkit.ops.lookup import places_in
from segkit.ops.runs import run_lengths, run_starts
from segkit.registries import EVALUATORS
from segkit.types import Metrics, PanopticResult, Target


@EVALUATORS.register("panoptic_quality")
class PanopticQuality:
    """Panoptic quality (PQ = SQ x RQ), averaged over the classes that occur.

    Kirillov et al. 2019, equations 1 and 2. Void are the pixels of the target that lie in no segment.

    * True positive: a predicted and a target segment of one class whose intersection over union, without void, is above
      0.5. Each segment has at most one such partner.
    * False positive: any other prediction, unless more than half of it lies on void or on a crowd of its class.
    * False negative: any other target segment, unless it is a crowd.

    These are COCO's rules. Cityscapes' are the same: its groups are crowds, and its classes that are not evaluated are
    void.

    Args:
        classes: Of the dataset.

    Example:
        >>> import torch
        >>> from segkit.types import PanopticSegment
        >>> evaluator = PanopticQuality(Classes.make(["car"], things=[True]))
        >>> target = Target(torch.tensor([0]), segment_map=torch.tensor([[0, 0, 0, -1]], dtype=torch.int32))
        >>> segment_map = torch.tensor([[1, 1, 0, 0]], dtype=torch.int32)
        >>> evaluator.add(PanopticResult(segment_map, [PanopticSegment(1, 0, True, 0.9)]), target, image_id=1)
        >>> round(evaluator.compute().values["pq"], 3)
        0.667
    """

    result_type: ClassVar[type] = PanopticResult

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self._counts = no_counts(len(classes))

    def add(self, result: PanopticResult, target: Target, image_id: int | str) -> None:
        """Adds the segments of one image.

        Raises:
            DataError: The segments of the target may overlap.
        """
        if target.segment_map is None:
            raise DataError(
                f"image {image_id}: panoptic quality needs a target whose segments do not overlap, such as those of "
                "'coco_panoptic'. For overlapping instances use the evaluator 'average_precision'."
            )
        assert result.segment_map.shape == target.size, (
            f"image {image_id}: the result is {tuple(result.segment_map.shape)}, the target {target.size}"
        )
        pixels = _pixel_counts(result, target)
        target_labels = target.labels.cpu().numpy()
        crowd = np.zeros(len(target), dtype=bool) if target.is_crowd is None else target.is_crowd.cpu().numpy()
        labels = np.array([segment.label for segment in result.segments], dtype=np.int64)
        self._count(pixels, target_labels, crowd, labels)

    def _count(
        self,
        pixels: NDArray[np.int64],
        target_labels: NDArray[np.int64],
        crowd: NDArray[np.bool_],
        labels: NDArray[np.int64],
    ) -> None:
        """Counts matched and unmatched segments; `pixels` are those of `_pixel_counts`."""
        areas, void = pixels[:, 1:].sum(0), pixels[0, 1:]  # (S,)
        assert (areas > 0).all(), "a panoptic result lists a segment without pixels"
        intersection = pixels[1:, 1:]  # (N, S)
        union = pixels[1:].sum(1)[:, None] + areas - intersection - void
        comparable = (target_labels[:, None] == labels) & ~crowd[:, None] & (intersection > 0)
        iou = np.divide(intersection, union, out=np.zeros(intersection.shape), where=comparable)
        matched_targets, matched = np.nonzero(iou > 0.5)

        np.add.at(self._counts["iou"], labels[matched], iou[matched_targets, matched])
        np.add.at(self._counts["true_positives"], labels[matched], 1)
        missed = ~crowd
        missed[matched_targets] = False
        np.add.at(self._counts["false_negatives"], target_labels[missed], 1)

        ignored = void.copy()  # (S,): pixels of each prediction on void or on a crowd of its class
        # Of several crowds of one class, panopticapi considers the last alone; so do we, to give equal numbers.
        last_crowd = {int(target_labels[index]): index for index in np.flatnonzero(crowd)}
        for index, label in enumerate(labels.tolist()):
            if label in last_crowd:
                ignored[index] += intersection[last_crowd[label], index]
        unmatched = np.ones(len(labels), dtype=bool)
        unmatched[matched] = False
        np.add.at(self._counts["false_positives"], labels[unmatched & (ignored / areas <= 0.5)], 1)

    def state(self) -> Counts:
        """Returns the counts of each class."""
        return self._counts

    def merge(self, state: Counts) -> None:
        """Adds the counts of another process."""
        self._counts = added(self._counts, state)

    def compute(self) -> Metrics:
        """Computes the metrics.

        Summary: `pq`, `sq`, `rq` over all classes, over things (`pq_things`, ...) and over stuff (`pq_stuff`, ...).
        Per class: `pq`, `sq`, `rq`.
        """
        of_classes = rates(self._counts)
        things = np.array(self.classes.things, dtype=bool)
        chosen = {"": things | ~things, "_things": things, "_stuff": ~things}
        return Metrics(
            {
                name + suffix: mean_of(of_classes[name], which)
                for suffix, which in chosen.items()
                for name in of_classes
            },
            {name: by_name(self.classes, values) for name, values in of_classes.items()},
        )


def _pixel_counts(result: PanopticResult, target: Target) -> NDArray[np.int64]:
    """Counts the pixels that each target segment has in common with each predicted one.

    Counted by runs of neighboring pixels with both segments in common, of which there are far fewer than pixels.

    Returns:
        (N+1,S+1) int64 in the order of the lists; row 0 is void, column 0 is no predicted segment.
    """
    assert target.segment_map is not None, "checked by the caller"
    annotated, predicted = target.segment_map.cpu().numpy().ravel(), result.segment_map.cpu().numpy().ravel()
    starts = run_starts(annotated, predicted)  # (R,)
    # NO_SEGMENT is -1, so that void becomes row 0.
    rows, columns = annotated[starts].astype(np.int64) + 1, _places(predicted[starts], result)
    shape = len(target) + 1, len(result.segments) + 1
    pixels = np.bincount(rows * shape[1] + columns, run_lengths(starts, annotated.size), shape[0] * shape[1])
    return pixels.astype(np.int64).reshape(shape)


def _places(ids: NDArray[np.int32], result: PanopticResult) -> NDArray[np.int64]:
    """Returns the place, from 1, of each of `ids` (R,) in `result.segments`; 0 for id 0, which is no segment."""
    listed = np.array([0, *[segment.id for segment in result.segments]])
    places, known = places_in(listed, ids)
    assert known.all(), "the map of a panoptic result holds an id that its list lacks"
    return places
