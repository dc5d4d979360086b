"""The evaluations during a training."""

import torch
from accelerate import Accelerator
from torch import nn

from segkit.evaluation.tables import write_evaluation
from segkit.evaluation.validation import Validation
from segkit.results.overlay_writer import OverlayWriter
from segkit.runtime.precision import Precision
from segkit.training.data_summary import DataSummary
from segkit.training.run_folder import RunFolder
from segkit.types import Metrics

OVERLAYS = 8
"""Images drawn in the last evaluation, of those that the main process evaluates."""


class RunEvaluation:
    """Evaluates a model on the config's `data.val` and writes the metrics into the run folder.

    Args:
        validation: The dataset with postprocessors and evaluators.
        run: Where `evaluation/` is written.
        accelerator: Connects the processes of the training.
        precision: Number format of the model.
        data: Gets the counts of the evaluated targets.
    """

    def __init__(
        self,
        validation: Validation,
        run: RunFolder,
        accelerator: Accelerator,
        precision: Precision = "fp32",
        data: DataSummary | None = None,
    ) -> None:
        self._validation = validation
        self._run = run
        self._accelerator = accelerator
        self._precision: Precision = precision
        self._data = data

    def __call__(self, model: nn.Module, final: bool) -> dict[str, Metrics]:
        """Returns the metrics by evaluator; the `final` evaluation draws overlays too."""
        main = self._accelerator.is_main_process
        overlays = OverlayWriter(self._run.overlays, self._validation.classes, OVERLAYS) if final and main else None
        self._broadcast_buffers(model)
        metrics = self._validation.run(model, self._accelerator.device, self._precision, on_result=overlays)
        if self._data is not None:
            self._data.evaluated = self._validation.tally
        if main:
            write_evaluation(self._run.evaluation, metrics)
        return metrics

    def _broadcast_buffers(self, model: nn.Module) -> None:
        """Gives all processes the main process's buffers.

        Each process updates its own running statistics in a step; without this, each would evaluate another model.
        """
        if self._accelerator.num_processes > 1:
            for buffer in model.buffers():
                torch.distributed.broadcast(buffer, src=0)
