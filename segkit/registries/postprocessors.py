"""Postprocessors: predictions to results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from segkit.registries.registry import Registry

if TYPE_CHECKING:
    from segkit.types import ImageSizes, PixelPrediction, Prediction, Result


class Postprocessor(Protocol):
    """Turns a prediction into one result per image."""

    @property
    def result_type(self) -> type:
        """SemanticResult, InstanceResult or PanopticResult."""

    def __call__(self, prediction: Prediction | PixelPrediction, sizes: list[ImageSizes], /) -> Sequence[Result]:
        """A Prediction or PixelPrediction of B images -> B results, all of `result_type`, at each image's output size.

        Raises ConfigError for a prediction of a type that it does not support.
        """


POSTPROCESSORS: Registry[Postprocessor] = Registry(
    "postprocessor", "postprocessors", Postprocessor, injected=("classes",)
)
"""The registered postprocessors; `Postprocessor` is their contract."""
