"""The class loss of mask classification (Cheng et al. 2021, sec. 3.2)."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from segkit.classes import Classes
from segkit.errors import ConfigError, suggest
from segkit.registries import LOSSES
from segkit.registries.signature import Weight


@LOSSES.register("cross_entropy")
class CrossEntropy(nn.Module):
    """Cross entropy over all queries, the unmatched ones' class being no-object; a mean weighted by class."""

    input_type: ClassVar = "classes"
    weights: Tensor

    def __init__(
        self,
        classes: Classes,
        *,
        no_object_weight: Weight = 0.1,
        class_weights: dict[str, Weight] | None = None,
    ) -> None:
        """
        Args:
            classes: of the data set.
            no_object_weight: weight of the unmatched queries, which are many.
            class_weights: weights by class name; 1 where none is given.

        Raises ConfigError where `class_weights` names no class.
        """
        super().__init__()
        weights = torch.ones(len(classes) + 1)
        weights[-1] = no_object_weight
        for name, weight in (class_weights or {}).items():
            if name not in classes.names:
                raise ConfigError(
                    f"loss 'cross_entropy': class_weights names '{name}', which is no class of the data set."
                    f"{suggest(name, classes.names)} Its classes: {', '.join(classes.names)}"
                )
            weights[classes.names.index(name)] = weight
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, class_logits: Tensor, classes: Tensor) -> Tensor:
        """(B,Q,K+1), (B,Q) int64 with K = no object -> scalar."""
        return functional.cross_entropy(class_logits.flatten(0, 1).float(), classes.flatten(), self.weights)
