"""What evaluators compute."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Metrics:
    """Metrics computed by an evaluator: rates in [0, 1] that are better when higher, unless named below."""

    values: dict[str, float]
    """Summary metrics by name, such as `mean_iou` or `pq_things`; nan where nothing could be measured."""
    per_class: dict[str, dict[str, float]]
    """Metric name -> class name -> value. Every metric has every class."""
    unbounded: frozenset[str] = frozenset()
    """The metrics, of `values` and `per_class`, that are no rates in [0, 1]: counts, distances in pixels."""
    lower_is_better: frozenset[str] = frozenset()
    """The metrics, of `values` and `per_class`, that are better when lower: errors of all kinds."""
    confusion_matrix: dict[str, dict[str, int]] | None = None
    """Class of the target -> predicted class -> pixels, of all classes, where the evaluator counts them."""
