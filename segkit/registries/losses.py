"""Losses, in three shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from segkit.registries.registry import ItemSetting, Registry
from segkit.registries.signature import Weight

if TYPE_CHECKING:
    from torch import Tensor

    from segkit.types import Match, Target


class ClassLoss(Protocol):
    """A loss with `input_type = "classes"`."""

    @property
    def input_type(self) -> Literal["classes"]: ...

    def __call__(self, class_logits: Tensor, class_index: Tensor, /) -> Tensor:
        """(B, Q, K+1) and (B, Q) int64, K = no object -> scalar."""


class MaskLoss(Protocol):
    """A loss with `input_type = "masks"`. It may be compiled."""

    @property
    def input_type(self) -> Literal["masks"]: ...

    def __call__(self, logits: Tensor, masks: Tensor, valid: Tensor | None, /) -> Tensor:
        """(M, P), (M, P) float 0 or 1, (M, P) bool or None -> (M,), one value per matched mask.

        P are all pixels or some of them, in any order. Pixels that are not valid do not count.
        """


class GeneralLoss(Protocol):
    """A loss with `input_type = "prediction"`, for anything else."""

    @property
    def input_type(self) -> Literal["prediction"]: ...

    def __call__(self, prediction: Any, targets: list[Target], matches: list[Match] | None, /) -> Tensor:
        """A Prediction with its matches, or a PixelPrediction without -> scalar."""


class Loss(Protocol):
    """Compares a prediction with its targets. `input_type` decides what it is called with.

    * `"classes"`: `(class_logits (B, Q, K+1), class_index (B, Q) int64, K = no object) -> scalar`
    * `"masks"`: `(logits (M, P), masks (M, P) float 0 or 1, valid (M, P) bool | None) -> (M,)`, one value per matched
      mask; P are all pixels or some of them, in any order; it may be compiled
    * `"prediction"`: `(prediction, targets: list[Target], matches: list[Match] | None) -> scalar`, for anything else

    The criterion applies weights (the key `weight` beside a loss's own settings), decoder layers and the division by
    the number of masks.
    """

    @property
    def input_type(self) -> Literal["classes", "masks", "prediction"]:
        """The shape of the loss."""


LOSSES: Registry[ClassLoss | MaskLoss | GeneralLoss] = Registry(
    "loss",
    "losses",
    Loss,
    injected=("classes",),
    item_settings={"weight": ItemSetting(Weight, 1.0, "factor of this loss in the sum of all")},
    base="torch.nn.Module",
)
"""The registered losses; `Loss` is their contract."""
