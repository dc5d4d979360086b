"""The functions that a training is given."""

from collections.abc import Callable
from typing import Protocol

from torch import nn

from segkit.criterion import LossReport
from segkit.types import Metrics, PixelPrediction, Prediction, Target


class LossFunction(Protocol):
    """The mean loss of a batch. The loss of a step is the mean over its batches.

    A `segkit.criterion.Criterion` has more: the normalizers by which its batches add up to one large batch.
    """

    def __call__(self, prediction: Prediction | PixelPrediction, targets: list[Target], /) -> LossReport: ...


Evaluation = Callable[[nn.Module, bool], dict[str, Metrics]]
"""`(model, final) -> metrics` by evaluator; `final` is True after the last step, and for the best
checkpoint at the end."""
