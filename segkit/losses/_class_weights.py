"""Weights of classes, as losses have them in a setting `class_weights`."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from segkit.classes import Classes
from segkit.errors import ConfigError, suggest

ClassWeights = Mapping[str, float] | Literal["auto"] | None
"""Weights by class name. A training replaces `auto` by weights from its data before it builds the loss."""


def weights_of(loss: str, classes: Classes, class_weights: ClassWeights) -> Tensor:
    """Returns the weight of each class (K,); 1 for classes without one.

    Raises:
        ConfigError: A class is not there, or the weights are still to be taken from the data.

    Example:
        >>> weights_of("cross_entropy", Classes.make(["road", "car"]), {"car": 3.0})
        tensor([1., 3.])
    """
    if class_weights == "auto":
        raise ConfigError(
            f"loss '{loss}': class_weights: 'auto' needs the data of a training, which replaces it. Give the weights "
            "by class name, or the config of a run."
        )
    weights = torch.ones(len(classes))
    for name, weight in (class_weights or {}).items():
        if name not in classes.names:
            raise ConfigError(
                f"loss '{loss}': class_weights: the dataset has no class '{name}'."
                f"{suggest(name, classes.names)} Its classes: {', '.join(classes.names)}"
            )
        weights[classes.names.index(name)] = weight
    return weights
