"""`class_weights: auto` of losses: weights from the fractions that the classes have in the training data."""

import numpy as np
from numpy.typing import NDArray

from segkit.config import Config
from segkit.registries import LOSSES
from segkit.training.training_classes import TrainingClasses

LEAST, MOST = 0.1, 10.0
"""Bounds of the weights: a class of a few pixels must not drown all others."""


def with_class_weights(config: Config, classes: TrainingClasses) -> Config:
    """Returns the config with weights by name in place of `class_weights: auto`. So a run's config holds the numbers.

    Losses of the classes of queries count segments, other losses pixels.

    Args:
        config: Of a training.
        classes: Of its images.

    Raises:
        DataError: Images cannot be read, and `on_bad_sample` does not skip them.
    """
    section = config.experiment.criterion
    losses = [] if section is None else section.losses
    if all(loss.get("class_weights") != "auto" for loss in losses):
        return config
    new = []
    for loss in losses:
        if loss.get("class_weights") == "auto":
            by_queries = getattr(LOSSES.get(loss["type"]), "input_type", None) == "classes"
            counts = classes.segments if by_queries else classes.pixels
            loss = {**loss, "class_weights": dict(zip(classes.dataset.classes.names, balanced(counts), strict=True))}
        new.append(loss)
    return config.changed("criterion", {"losses": new}, "<data.train>")


def balanced(counts: NDArray[np.int64]) -> list[float]:
    """Returns a weight for each class: the square root of the median count over its own, from 0.1 to 10.

    The median is that of the classes that occur; classes that do not occur weigh 1. It is median frequency balancing
    (Eigen and Fergus 2015, section 6.2), softened by the root.

    Args:
        counts: (K,) segments or pixels of each class.

    Example:
        >>> balanced(np.array([400, 100, 25, 0]))
        [0.5, 1.0, 2.0, 1.0]
    """
    present = counts > 0
    if not present.any():
        return [1.0] * len(counts)
    weights = np.sqrt(np.median(counts[present]) / np.maximum(counts, 1)).clip(LEAST, MOST)
    return [round(float(weight), 3) if there else 1.0 for weight, there in zip(weights, present, strict=True)]
