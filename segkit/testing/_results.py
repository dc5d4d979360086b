"""Results: whether one is well formed, and what of it can be compared."""

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.testing._common import check_tensor, difference
from segkit.types import InstanceResult, PanopticResult, Result, SemanticResult, Size

KINDS = (SemanticResult, InstanceResult, PanopticResult)
KIND_NAMES = "SemanticResult, InstanceResult or PanopticResult"


def check_result(gives: str, result: Result, classes: Classes, size: Size) -> None:
    """`result` keeps the promises of its type at `size`; `gives` begins every complaint."""
    if isinstance(result, SemanticResult):
        check_tensor(gives, "label_map", result.label_map, size, (torch.int64,))
        _check_labels(gives, "a label_map", result.label_map, classes)
    elif isinstance(result, InstanceResult):
        _check_instances(gives, result, classes, size)
    else:
        _check_panoptic(gives, result, classes, size)


def _check_instances(gives: str, result: InstanceResult, classes: Classes, size: Size) -> None:
    count = len(result.labels)
    check_tensor(gives, "labels", result.labels, (count,), (torch.int64,))
    check_tensor(gives, "scores", result.scores, (count,), (torch.float32, torch.float64))
    check_tensor(gives, "masks", result.masks, (count, *size), (torch.bool,))
    _check_labels(gives, "labels", result.labels, classes)
    stuff = sorted({classes.names[label] for label in result.labels.tolist() if not classes.things[label]})
    assert not stuff or not any(classes.things), f"{gives} instances of {', '.join(stuff)}, where only things have any"
    scores = result.scores.tolist()
    in_range = all(0 <= score <= 1 for score in scores)
    assert in_range, f"{gives} the scores {_rounded(scores)}, where values in [0, 1] are promised"
    falling = scores == sorted(scores, reverse=True)
    assert falling, f"{gives} the scores {_rounded(scores)}, where falling ones are promised"


def _check_panoptic(gives: str, result: PanopticResult, classes: Classes, size: Size) -> None:
    check_tensor(gives, "segment_map", result.segment_map, size, (torch.int32,))
    ids = [segment.id for segment in result.segments]
    distinct = len(set(ids)) == len(ids) and all(number > 0 for number in ids)
    assert distinct, f"{gives} segments with the ids {ids}, where distinct ones from 1 are promised"
    present = set(result.segment_map.flatten().tolist()) - {0}
    assert present == set(ids), (
        f"{gives} a segment_map that holds the ids {sorted(present)} with a list of the segments {sorted(ids)}, where "
        "both are promised to hold the same"
    )
    for segment in result.segments:
        assert 0 <= segment.label < len(classes), (
            f"{gives} a segment of label {segment.label}, where 0..{len(classes) - 1} are promised"
        )
        assert segment.is_thing == classes.things[segment.label], (
            f"{gives} a segment of '{classes.names[segment.label]}' with is_thing = {segment.is_thing}, where the "
            "class list says otherwise"
        )
        in_range = isinstance(segment.score, float) and 0 <= segment.score <= 1
        assert in_range, f"{gives} a segment of score {segment.score!r}, where a number in [0, 1] is promised"


def _check_labels(gives: str, what: str, labels: Tensor, classes: Classes) -> None:
    if labels.numel():
        low, high = int(labels.min()), int(labels.max())
        in_range = low >= 0 and high < len(classes)
        assert in_range, f"{gives} {what} of values {low}..{high}, where 0..{len(classes) - 1} are promised"


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 3) for value in values]


def same_results(one: Result, other: Result) -> bool:
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
    """(H,W) int64: the class that a result shows at each pixel, -1 where none; of instances the best one's."""
    if isinstance(result, SemanticResult):
        return result.label_map
    if isinstance(result, PanopticResult):
        shown = torch.full_like(result.segment_map, -1, dtype=torch.int64)
        for segment in result.segments:
            shown[result.segment_map == segment.id] = segment.label
        return shown
    shown = torch.full(result.masks.shape[1:], -1, dtype=torch.int64)
    for label, mask in reversed(list(zip(result.labels.tolist(), result.masks, strict=True))):
        shown[mask] = label
    return shown
