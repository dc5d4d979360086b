"""An evaluator.

* `result_type` is SemanticResult, InstanceResult or PanopticResult; it adds such results and leaves them, and their
  truth, as they were; an image may be without segments, or a result.
* `compute` gives Metrics with or without anything added: the same names, rates in [0, 1] or nan, every per-class column
  with every class; two calls give the same.
* `state` can be pickled, and two halves merged compute what all at once do; a half may be empty.
* What is kept of an image is counts or run lengths: memory does not grow with the pixels seen.
"""

import math
import pickle
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.testing._common import CLASSES, named, seeded, trying
from segkit.testing._results import KIND_NAMES, KINDS, same_results
from segkit.testing._samples import no_segment, same
from segkit.types import (
    NO_SEGMENT,
    InstanceResult,
    Metrics,
    PanopticResult,
    PanopticSegment,
    Result,
    SemanticResult,
    Size,
    Target,
)

Images = list[tuple[Result, Target]]


@seeded()
def check_evaluator(make: Callable[[Classes], Any]) -> None:
    """`make(classes)` builds the part. Raises AssertionError, saying in words what it does wrong."""
    evaluator = make(CLASSES)
    who = named("evaluator", evaluator)
    result_type = getattr(evaluator, "result_type", None)
    assert result_type in KINDS, f"{who} says result_type = {result_type!r}, where {KIND_NAMES} is promised"
    images = _images(result_type, (24, 33))
    empty = _computed(who, make(CLASSES), "with nothing added")
    _add(who, evaluator, images)
    metrics = _computed(who, evaluator, "with five images added")
    assert list(empty.values) == list(metrics.values), (
        f"{who} computes {', '.join(empty.values)} with nothing added and {', '.join(metrics.values)} with images, "
        "where the same names are promised"
    )
    again = _apart(metrics, _computed(who, evaluator, "when it is asked again"))
    assert not again, f"{who} computes another {again} when it is asked again"
    halves = [make(CLASSES) for _ in range(3)]  # the third gets nothing
    _add(who, halves[0], images[:2])
    _add(who, halves[1], images[2:], first=2)
    for half in halves[1:]:
        with trying(who, "when its state is pickled and merged into another's"):
            halves[0].merge(pickle.loads(pickle.dumps(half.state())))
    apart = _apart(metrics, _computed(who, halves[0], "after merging"))
    assert not apart, f"{who} computes another {apart} when two halves are merged than when all is added to one"
    _check_memory(who, make(CLASSES), result_type)


def _images(result_type: type, size: Size) -> Images:
    """Five images: seen exactly, seen with errors twice, shown nothing, seen nothing."""
    truth = _target(size)
    nothing = torch.full(size, NO_SEGMENT, dtype=torch.int64)
    assert truth.segment_map is not None
    exact = truth.segment_map.long()
    shifted = [exact.roll(shift, dims=1) for shift in (2, 5)]
    seen = [_result(result_type, places, truth.labels) for places in (exact, *shifted)]
    of_nothing = _result(result_type, exact, truth.labels), no_segment(size)
    return [*((result, truth) for result in seen), of_nothing, (_result(result_type, nothing, truth.labels[:0]), truth)]


def _target(size: Size) -> Target:
    """Stripes of three segments, of things and stuff, and of void; some pixels more are not valid."""
    stripes = (torch.arange(size[1]) * 4 // size[1]).expand(size)
    segment_map = torch.where(stripes == 3, NO_SEGMENT, stripes).to(torch.int16)
    return Target(torch.tensor([0, 1, 2]), segment_map, valid=segment_map != NO_SEGMENT)


def _result(result_type: type, places: Tensor, labels: Tensor) -> Result:
    """The result that says that the segment with `labels[i]` lies where `places` (H,W) is i."""
    if result_type is SemanticResult:
        return SemanticResult(torch.cat([labels, torch.zeros(1, dtype=torch.int64)])[places])
    if result_type is InstanceResult:
        masks = places == torch.arange(len(labels))[:, None, None]
        return InstanceResult(labels.clone(), torch.linspace(0.9, 0.5, len(labels)), masks)
    listed = labels.tolist()
    segments = [PanopticSegment(i + 1, label, CLASSES.things[label], 0.9) for i, label in enumerate(listed)]
    return PanopticResult((places + 1).to(torch.int32), segments)


def _add(who: str, evaluator: Any, images: Images, first: int = 0) -> None:
    for image_id, (result, target) in enumerate(images, start=first):
        result_before, target_before = deepcopy(result), deepcopy(target)
        with trying(who, f"when image {image_id} of five is added"):
            evaluator.add(result, target, image_id)
        assert same_results(result, result_before), f"{who} changes the result it is given in place"
        kept = all(
            same(getattr(target, name), getattr(target_before, name)) for name in ("labels", "segment_map", "valid")
        )
        assert kept, f"{who} changes the target it is given in place"


def _computed(who: str, evaluator: Any, situation: str) -> Metrics:
    with trying(who, f"when it computes {situation}"):
        metrics = evaluator.compute()
    assert isinstance(metrics, Metrics), f"{who} computes a {type(metrics).__name__}, where Metrics are promised"
    figures = dict(metrics.values)
    assert figures, f"{who} computes no figure {situation}, where one at least is promised"
    for column, rows in metrics.per_class.items():
        assert list(rows) == list(CLASSES.names), (
            f"{who} computes '{column}' per class for {', '.join(rows)} {situation}, where {', '.join(CLASSES.names)} "
            "are promised"
        )
        figures |= {f"{column} of {name}": figure for name, figure in rows.items()}
    for name, figure in figures.items():
        good = isinstance(figure, float) and (math.isnan(figure) or 0 <= figure <= 1)
        assert good, f"{who} computes {name} = {figure!r} {situation}, where a float in [0, 1] or nan is promised"
    return metrics


def _apart(one: Metrics, other: Metrics) -> str:
    """The name of the first figure that differs."""
    pairs = [(name, figure, other.values.get(name, math.inf)) for name, figure in one.values.items()]
    for column, rows in one.per_class.items():
        others = other.per_class.get(column, {})
        pairs += [(f"{column} of {name}", figure, others.get(name, math.inf)) for name, figure in rows.items()]
    for name, figure, found in pairs:
        if not (math.isclose(figure, found, rel_tol=1e-6) or (math.isnan(figure) and math.isnan(found))):
            return name
    return ""


def _check_memory(who: str, evaluator: Any, result_type: type) -> None:
    """The image is 1024 pixels wide and high: 128 KiB if a bit were kept of each."""
    size = (1024, 1024)
    target = _target(size)
    assert target.segment_map is not None
    before = len(pickle.dumps(evaluator.state()))
    evaluator.add(_result(result_type, target.segment_map.long(), target.labels), target, 0)
    grown = len(pickle.dumps(evaluator.state())) - before
    assert grown < 2**15, (
        f"{who} keeps {grown} bytes of an image of three stripes and 1024x1024 pixels, where memory is promised not "
        "to grow with the pixels seen"
    )
