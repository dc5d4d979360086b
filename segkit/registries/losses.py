"""Losses. There are three types, which differ in what the loss is called with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from segkit.registries.registry import OuterSetting, Registry
from segkit.registries.signature import Weight
from segkit.registries.stepped import Stepped

if TYPE_CHECKING:
    from torch import Tensor

    from segkit.types import Match, PixelPrediction, Prediction, Target


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

    def __call__(
        self, prediction: Prediction | PixelPrediction, targets: list[Target], matches: list[Match] | None, /
    ) -> Tensor:
        """A Prediction with its matches, or a PixelPrediction without -> scalar."""


@runtime_checkable
class ClassNormalizer(Protocol):
    """A class loss that is no plain mean over images, such as one with class weights."""

    def normalizer(self, class_index: Tensor, /) -> Tensor:
        """(B, Q) int64, K = no object -> scalar: what the loss of B images is divided by, such as a sum of weights.

        The order of the queries must not matter: the criterion asks before the queries are matched.
        """


@runtime_checkable
class TargetNormalizer(Protocol):
    """A general loss that is no plain mean over images, such as one over all labeled pixels."""

    def normalizer(self, targets: list[Target], /) -> Tensor:
        """The targets of B images -> scalar: what their loss is divided by, such as a number of pixels."""


class Loss(Protocol):
    """Compares a prediction with its targets. `input_type` decides what it is called with.

    * `"classes"`: `(class_logits (B, Q, K+1), class_index (B, Q) int64, K = no object) -> scalar`
    * `"masks"`: `(logits (M, P), masks (M, P) float 0 or 1, valid (M, P) bool | None) -> (M,)`, one value per matched
      mask; P are all pixels or some of them, in any order; it may be compiled
    * `"prediction"`: `(prediction, targets: list[Target], matches: list[Match] | None) -> scalar`, for anything else

    The criterion applies weights (the key `weight` beside a loss's own settings), decoder layers and the division by
    the number of masks.

    A scalar is a mean over the images of the batch. If images differ in weight, the loss has a second method
    `normalizer`, which returns what the value is divided by: `(class_index (B, Q)) -> scalar` for `"classes"`,
    `(targets) -> scalar` for `"prediction"`. The criterion needs it to combine the batches of all processes and
    accumulated batches into the loss of one large batch.
    """

    @property
    def input_type(self) -> Literal["classes", "masks", "prediction"]:
        """What the loss is called with: see above."""


LOSSES: Registry[ClassLoss | MaskLoss | GeneralLoss] = Registry(
    "loss",
    "losses",
    Loss,
    injected=("classes",),
    item_settings={"weight": OuterSetting(Weight, 1.0, "Factor of this loss in the sum of all.")},
    optional=(ClassNormalizer, TargetNormalizer, Stepped),
    base="torch.nn.Module",
)
"""The registered losses; `Loss` is their contract."""
