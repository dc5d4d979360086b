"""The loss `cross_entropy`, on the class logits of queries."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from segkit.classes import Classes
from segkit.losses._class_weights import weights_of
from segkit.registries import LOSSES
from segkit.registries.signature import Weight


@LOSSES.register("cross_entropy")
class CrossEntropy(nn.Module):
    """Cross entropy of the classes of all queries; unmatched queries have the class no-object.

    The value is a mean weighted by class, over the queries of all images (first term of eq. 2).

    Args:
        classes: Of the dataset.
        no_object_weight: Weight of unmatched queries, which outnumber the matched ones.
        class_weights: Weights by class name; 1 for all others. `auto` gives classes with few segments in the training
            data more weight.

    Raises:
        ConfigError: `class_weights` names a class that the dataset does not have, or is `auto` outside of a training.

    Example:
        >>> loss = CrossEntropy(Classes.make(["road", "car"]), no_object_weight=0.1)
        >>> class_logits = torch.zeros(1, 3, 3)  # 1 image, 3 queries, 2 classes and no-object
        >>> round(loss(class_logits, torch.tensor([[0, 2, 2]])).item(), 4)
        1.0986
    """

    input_type: ClassVar[Literal["classes"]] = "classes"
    weights: Tensor

    def __init__(
        self,
        classes: Classes,
        *,
        no_object_weight: Weight = 0.1,
        class_weights: dict[str, Weight] | Literal["auto"] | None = None,
    ) -> None:
        super().__init__()
        of_classes = weights_of("cross_entropy", classes, class_weights)
        weights = torch.cat([of_classes, torch.tensor([float(no_object_weight)])])
        # Not saved: the weights follow from the settings, which the config holds.
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, class_logits: Tensor, class_index: Tensor) -> Tensor:
        """Computes the loss of one decoder layer.

        Args:
            class_logits: (B,Q,K+1).
            class_index: (B,Q) int64, K = no object.

        Returns:
            Scalar; 0 where all weights are 0.
        """
        logits, labels = class_logits.flatten(0, 1).float(), class_index.flatten()  # (B*Q, K+1), (B*Q,)
        # The sum, not the mean, which is nan where all weights are 0.
        total = functional.cross_entropy(logits, labels, self.weights, reduction="sum")
        normalizer = self.normalizer(class_index)
        return total / torch.where(normalizer > 0, normalizer, 1)

    def normalizer(self, class_index: Tensor) -> Tensor:
        """Returns the sum of the weights of all queries, a scalar."""
        return self.weights[class_index].sum()
