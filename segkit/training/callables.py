"""The functions that a training is given."""

from collections.abc import Callable
from typing import Protocol

from torch import nn

from segkit.criterion import LossReport
from segkit.types import Metrics, PixelPrediction, Prediction, Target


class LossFunction(Protocol):
    """The loss of a batch, such as `segkit.criterion.Criterion`."""

    def __call__(self, prediction: Prediction | PixelPrediction, targets: list[Target], /) -> LossReport: ...


Evaluation = Callable[[nn.Module, bool], dict[str, Metrics]]
"""`(model, final) -> metrics` by evaluator; `final` is True after the last step."""
