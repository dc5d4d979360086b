"""Evaluators: metrics of results against targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from segkit.registries.registry import Registry

if TYPE_CHECKING:
    from segkit.types import Metrics, Target


class Evaluator(Protocol):
    """Collects results one by one and computes metrics of them. Its memory does not grow with the pixels."""

    @property
    def result_type(self) -> type:
        """The type of result that it evaluates: SemanticResult, InstanceResult or PanopticResult."""

    # Any: an evaluator names its own result type and state, which a Protocol without type parameters cannot.
    def add(self, result: Any, target: Target, image_id: int | str) -> None:
        """Adds one image's result, of `result_type`."""

    def state(self) -> Any:
        """What has been added, as a value that can be pickled."""

    def merge(self, state: Any) -> None:
        """Adds another process's state."""

    def compute(self) -> Metrics:
        """The metrics of everything added so far; the evaluator stays unchanged."""


EVALUATORS: Registry[Evaluator] = Registry("evaluator", "evaluators", Evaluator, injected=("classes",))
"""The registered evaluators; `Evaluator` is their contract."""
