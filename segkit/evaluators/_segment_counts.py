"""Counts of matched and unmatched segments, and the panoptic quality that follows from them."""

import numpy as np
from numpy.typing import NDArray

from segkit.classes import Classes

Column = NDArray[np.float64]
"""One number per class, (K,)."""


Counts = dict[str, Column]
"""`iou`, summed over true positives, and the numbers of `true_positives`, `false_positives` and `false_negatives`."""


def no_counts(num_classes: int) -> Counts:
    """Returns counts of nothing.

    Example:
        >>> no_counts(1)["iou"].tolist()
        [0.0]
    """
    names = ("iou", "true_positives", "false_positives", "false_negatives")
    return {name: np.zeros(num_classes) for name in names}


def added(one: Counts, other: Counts) -> Counts:
    """Returns the sum of two counts.

    Example:
        >>> added({"iou": np.array([0.5])}, {"iou": np.array([0.25])})
        {'iou': array([0.75])}
    """
    return {name: counts + other[name] for name, counts in one.items()}


def rates(counts: Counts) -> dict[str, Column]:
    """Returns `pq`, `sq` and `rq` of each class (Kirillov et al. 2019, equation 2); nan where it does not occur.

    Example:
        >>> rates(dict(zip(no_counts(1), np.array([[0.8], [1], [0], [2]]), strict=True)))["pq"].tolist()
        [0.4]
    """
    iou, true_positives = counts["iou"], counts["true_positives"]
    weight = true_positives + 0.5 * counts["false_positives"] + 0.5 * counts["false_negatives"]
    occurs = weight > 0
    with np.errstate(invalid="ignore"):  # 0 / 0 where a class does not occur
        return {
            "pq": np.where(occurs, iou / weight, np.nan),
            "sq": np.where(occurs, iou / np.maximum(true_positives, 1), np.nan),
            "rq": np.where(occurs, true_positives / weight, np.nan),
        }


def mean_of(values: Column, chosen: Column | NDArray[np.bool_]) -> float:
    """Returns the mean of the chosen values that are no nan, or nan.

    Example:
        >>> mean_of(np.array([0.5, np.nan, 0.25]), np.array([True, True, False]))
        0.5
    """
    known = values[chosen & ~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def by_name(classes: Classes, values: Column) -> dict[str, float]:
    """Returns the values of the classes by their names.

    Example:
        >>> by_name(Classes.make(["sky"]), np.array([0.5]))
        {'sky': 0.5}
    """
    return dict(zip(classes.names, values.tolist(), strict=True))
