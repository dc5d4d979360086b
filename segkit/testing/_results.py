"""Results: checks of their form, and comparison."""

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.testing._common import check_tensor, difference
from segkit.types import InstanceResult, PanopticResult, Result, SemanticResult, Size

KINDS = (SemanticResult, InstanceResult, PanopticResult)
KIND_NAMES = "SemanticResult, InstanceResult or PanopticResult"


def published_result_type(who: str, part: object) -> type:
    """Checks and returns the `result_type` that a part publishes."""
    result_type = getattr(part, "result_type", None)
    assert result_type in KINDS, f"{who} publishes result_type = {result_type!r}. The contract asks for {KIND_NAMES}."
    assert isinstance(result_type, type)
    return result_type


def check_result(subject: str, result: Result, classes: Classes, size: Size) -> None:
    """Checks that `result` has the form of its type at `size`.

    `subject` begins every error message: `postprocessor Mine returns for image 0 on a Prediction`.
    """
    if isinstance(result, SemanticResult):
        check_tensor(subject, "label_map", result.label_map, size, (torch.int64,))
        _check_labels(subject, "a label_map", result.label_map, classes)
    elif isinstance(result, InstanceResult):
        _check_instances(subject, result, classes, size)
    else:
        _check_panoptic(subject, result, classes, size)


def _check_instances(subject: str, result: InstanceResult, classes: Classes, size: Size) -> None:
    count = len(result.labels)
    check_tensor(subject, "labels", result.labels, (count,), (torch.int64,))
    check_tensor(subject, "scores", result.scores, (count,), (torch.float32, torch.float64))
    check_tensor(subject, "masks", result.masks, (count, *size), (torch.bool,))
    _check_labels(subject, "labels", result.labels, classes)
    stuff = sorted({classes.names[label] for label in result.labels.tolist() if not classes.things[label]})
    assert not stuff or not any(classes.things), (
        f"{subject} instances of {', '.join(stuff)}. Only things have instances."
    )
    scores = result.scores.tolist()
    in_range = all(0 <= score <= 1 for score in scores)
    assert in_range, f"{subject} the scores {_rounded(scores)}. The contract asks for values in [0, 1]."
    falling = scores == sorted(scores, reverse=True)
    assert falling, f"{subject} the scores {_rounded(scores)}. Sort them from high to low."


def _check_panoptic(subject: str, result: PanopticResult, classes: Classes, size: Size) -> None:
    check_tensor(subject, "segment_map", result.segment_map, size, (torch.int32,))
    ids = [segment.id for segment in result.segments]
    distinct = len(set(ids)) == len(ids) and all(number > 0 for number in ids)
    assert distinct, f"{subject} segments with the ids {ids}. The contract asks for distinct ids of at least 1."
    # 0 means no segment.
    present = set(result.segment_map.flatten().tolist()) - {0}
    assert present == set(ids), (
        f"{subject} a segment_map with the ids {sorted(present)} and a list of the segments {sorted(ids)}. Give both "
        "the same ids."
    )
    for segment in result.segments:
        assert 0 <= segment.label < len(classes), (
            f"{subject} a segment with label {segment.label}. The contract asks for 0..{len(classes) - 1}."
        )
        assert segment.is_thing == classes.things[segment.label], (
            f"{subject} a segment of '{classes.names[segment.label]}' with is_thing = {segment.is_thing}. Take "
            "is_thing from the classes."
        )
        in_range = isinstance(segment.score, float) and 0 <= segment.score <= 1
        assert in_range, f"{subject} a segment with score {segment.score!r}. The contract asks for a float in [0, 1]."


def _check_labels(subject: str, what: str, labels: Tensor, classes: Classes) -> None:
    if labels.numel():
        low, high = int(labels.min()), int(labels.max())
        in_range = low >= 0 and high < len(classes)
        assert in_range, f"{subject} {what} of values {low}..{high}. The contract asks for 0..{len(classes) - 1}."


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 3) for value in values]


def same_results(one: Result, other: Result) -> bool:
    """Returns whether two results are of the same type and content."""
    if isinstance(one, SemanticResult) and isinstance(other, SemanticResult):
        return torch.equal(one.label_map, other.label_map)
    if isinstance(one, InstanceResult) and isinstance(other, InstanceResult):
        same = torch.equal(one.labels, other.labels) and torch.equal(one.masks, other.masks)
        return same and not difference(one.scores, other.scores)
    if isinstance(one, PanopticResult) and isinstance(other, PanopticResult):
        segments = [(segment.id, segment.label) for segment in one.segments]
        same = segments == [(segment.id, segment.label) for segment in other.segments]
        return same and torch.equal(one.segment_map, other.segment_map)
    return False


def shown_classes(result: Result) -> Tensor:
    """Returns the class of each pixel (H,W) int64, -1 where there is none; of instances, the one of highest score."""
    if isinstance(result, SemanticResult):
        return result.label_map
    if isinstance(result, PanopticResult):
        shown = torch.full_like(result.segment_map, -1, dtype=torch.int64)
        for segment in result.segments:
            shown[result.segment_map == segment.id] = segment.label
        return shown
    shown = torch.full(result.masks.shape[1:], -1, dtype=torch.int64)
    # Scores fall, so the best instance is written last and covers the others.
    for label, mask in reversed(list(zip(result.labels.tolist(), result.masks, strict=True))):
        shown[mask] = label
    return shown
