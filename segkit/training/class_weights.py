"""`class_weights: auto` of losses: weights from the fractions that the classes have in the training data."""

import numpy as np
from numpy.typing import NDArray

from segkit.config import Config
from segkit.data.sampling import sample_dataset
from segkit.registries import LOSSES, Dataset

LEAST, MOST = 0.1, 10.0
"""Bounds of the weights: a class of a few pixels must not drown all others."""


def with_class_weights(config: Config, dataset: Dataset) -> Config:
    """Returns the config with weights by name in place of `class_weights: auto`. So a run's config holds the numbers.

    Losses of the classes of queries count segments: all of them where the dataset knows their number, else those of
    the images that are looked at before a training. Other losses count the pixels of these images.

    Args:
        config: Of a training.
        dataset: Its `data.train`.
    """
    section = config.experiment.criterion
    losses = [] if section is None else section.losses
    if all(loss.get("class_weights") != "auto" for loss in losses):
        return config
    sample = sample_dataset(dataset)
    segments = sample.tally.segments if sample.counts is None else np.array(sample.counts.segments)
    new = []
    for loss in losses:
        if loss.get("class_weights") == "auto":
            counts = (
                segments if getattr(LOSSES.get(loss["type"]), "input_type", None) == "classes" else sample.tally.pixels
            )
            loss = {**loss, "class_weights": dict(zip(dataset.classes.names, balanced(counts), strict=True))}
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
