"""The contract of an evaluator.

* `result_type` is SemanticResult, InstanceResult or PanopticResult. It adds such results with their targets, and leaves
  both unchanged. A target or a result may have no segments.
* `compute` returns Metrics with or without images added: the same names, values in [0, 1] or nan (or finite, where
  `unbounded` names them), every per-class column with every class. Two calls return the same.
* `state` can be pickled. Two halves merged give the metrics of all images at once; a half may be empty.
* It keeps counts or run lengths of an image, so memory does not grow with the number of pixels.
"""

import math
import pickle
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.errors import with_article
from segkit.registries import Evaluator
from segkit.testing._common import CLASSES, named, refuse_built, seeded, trying
from segkit.testing._results import published_result_type, same_results
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
def check_evaluator(make: Callable[[Classes], Evaluator]) -> None:
    """Checks an evaluator.

    Args:
        make: Builds the part for a class list; the class itself, where its settings have defaults.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.evaluators.mean_iou import MeanIoU
        >>> check_evaluator(MeanIoU)
    """
    refuse_built("evaluator", make)
    evaluator = make(CLASSES)
    who = named("evaluator", evaluator)
    result_type = published_result_type(who, evaluator)
    images = _images(result_type, (24, 33))
    empty = _computed(who, make(CLASSES), "with nothing added")
    _add(who, evaluator, images)
    metrics = _computed(who, evaluator, "with five images added")
    assert list(empty.values) == list(metrics.values), (
        f"{who} computes {', '.join(empty.values)} with nothing added and {', '.join(metrics.values)} with images. "
        "Compute the same names in both cases, nan where there is nothing to measure."
    )
    again = _apart(metrics, _computed(who, evaluator, "again"))
    assert not again, f"{who} computes another {again} in a second call of compute. Leave its state unchanged there."
    halves = [make(CLASSES) for _ in range(3)]  # the third gets nothing, like a process without images
    _add(who, halves[0], images[:2])
    _add(who, halves[1], images[2:], first=2)
    for half in halves[1:]:
        with trying(who, "when its state is pickled and merged into another's"):
            halves[0].merge(pickle.loads(pickle.dumps(half.state())))
    apart = _apart(metrics, _computed(who, halves[0], "after merging"))
    assert not apart, (
        f"{who} computes another {apart} from two merged halves than from all images at once. Merge all that add "
        "changes."
    )
    _check_memory(who, make(CLASSES), result_type)


def _images(result_type: type, size: Size) -> Images:
    """Returns five images: an exact result, two with errors, one on a target without segments, an empty one."""
    target = _target(size)
    nothing = torch.full(size, NO_SEGMENT, dtype=torch.int64)
    assert target.segment_map is not None
    exact = target.segment_map.long()
    # Shifts that leave the segments partly right.
    shifted = [exact.roll(shift, dims=1) for shift in (2, 5)]
    results = [_result(result_type, places, target.labels) for places in (exact, *shifted)]
    of_nothing = _result(result_type, exact, target.labels), no_segment(size)
    return [
        *((result, target) for result in results),
        of_nothing,
        (_result(result_type, nothing, target.labels[:0]), target),
    ]


def _target(size: Size) -> Target:
    """Returns stripes of three segments, of things and stuff, and of void, which is not valid."""
    stripes = (torch.arange(size[1]) * 4 // size[1]).expand(size)
    segment_map = torch.where(stripes == 3, NO_SEGMENT, stripes).to(torch.int16)
    return Target(torch.tensor([0, 1, 2]), segment_map, valid=segment_map != NO_SEGMENT)


def _result(result_type: type, places: Tensor, labels: Tensor) -> Result:
    """Returns a result in which the segment with `labels[i]` covers the pixels where `places` (H,W) is i."""
    if result_type is SemanticResult:
        # Places of -1, void, read the appended last item: a semantic result has a class everywhere.
        return SemanticResult(torch.cat([labels, torch.zeros(1, dtype=torch.int64)])[places])
    if result_type is InstanceResult:
        masks = places == torch.arange(len(labels))[:, None, None]
        return InstanceResult(labels.clone(), torch.linspace(0.9, 0.5, len(labels)), masks)
    listed = labels.tolist()
    segments = [PanopticSegment(i + 1, label, CLASSES.things[label], 0.9) for i, label in enumerate(listed)]
    return PanopticResult((places + 1).to(torch.int32), segments)


def _add(who: str, evaluator: Evaluator, images: Images, first: int = 0) -> None:
    for image_id, (result, target) in enumerate(images, start=first):
        result_before, target_before = deepcopy(result), deepcopy(target)
        with trying(who, f"when image {image_id} of five is added"):
            evaluator.add(result, target, image_id)
        assert same_results(result, result_before), f"{who} changes the result in place. Leave it unchanged."
        kept = all(
            same(getattr(target, name), getattr(target_before, name)) for name in ("labels", "segment_map", "valid")
        )
        assert kept, f"{who} changes the target in place. Leave it unchanged."


def _computed(who: str, evaluator: Evaluator, situation: str) -> Metrics:
    with trying(who, f"when it computes {situation}"):
        metrics = evaluator.compute()
    assert isinstance(metrics, Metrics), (
        f"{who} computes {with_article(type(metrics).__name__)}. Return segkit.types.Metrics from compute."
    )
    values, free = dict(metrics.values), set(metrics.unbounded)
    assert values, f"{who} computes no metric {situation}. Return at least one in Metrics.values."
    for column, rows in metrics.per_class.items():
        assert list(rows) == list(CLASSES.names), (
            f"{who} computes '{column}' per class for {', '.join(rows)} {situation}. Return all classes in order: "
            f"{', '.join(CLASSES.names)}."
        )
        values |= {f"{column} of {name}": value for name, value in rows.items()}
        if column in metrics.unbounded:
            free |= {f"{column} of {name}" for name in rows}
    for name, value in values.items():
        good = isinstance(value, float) and (
            math.isnan(value) or 0 <= value <= 1 or (name in free and math.isfinite(value))
        )
        assert good, (
            f"{who} computes {name} = {value!r} {situation}. The contract asks for a float in [0, 1] or nan, or for a "
            "finite one of a metric that Metrics.unbounded names."
        )
    _check_named(who, metrics)
    return metrics


def _check_named(who: str, metrics: Metrics) -> None:
    """Checks that the sets of names in `metrics` name metrics that there are."""
    known = {*metrics.values, *metrics.per_class}
    for place in ("unbounded", "lower_is_better"):
        unknown = sorted(getattr(metrics, place) - known)
        assert not unknown, (
            f"{who} computes no '{unknown[0]}', which Metrics.{place} names. Name metrics of values or per_class there."
        )


def _apart(one: Metrics, other: Metrics) -> str:
    """Returns the name of the first metric that differs, or an empty string."""
    pairs = [(name, value, other.values.get(name, math.inf)) for name, value in one.values.items()]
    for column, rows in one.per_class.items():
        others = other.per_class.get(column, {})
        pairs += [(f"{column} of {name}", value, others.get(name, math.inf)) for name, value in rows.items()]
    for name, value, found in pairs:
        if not (math.isclose(value, found, rel_tol=1e-6) or (math.isnan(value) and math.isnan(found))):
            return name
    return ""


def _check_memory(who: str, evaluator: Evaluator, result_type: type) -> None:
    """Adds an image of 1024x1024 pixels. One bit per pixel would be 128 KiB; the bound is a quarter of that."""
    size = (1024, 1024)
    target = _target(size)
    assert target.segment_map is not None
    before = len(pickle.dumps(evaluator.state()))
    evaluator.add(_result(result_type, target.segment_map.long(), target.labels), target, 0)
    grown = len(pickle.dumps(evaluator.state())) - before
    assert grown < 2**15, (
        f"{who} keeps {grown} bytes of an image of three stripes and 1024x1024 pixels. Keep counts or run lengths, so "
        "that memory does not grow with the number of pixels."
    )
