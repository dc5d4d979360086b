"""The evaluations during a training."""

from contextlib import nullcontext

import torch
from accelerate import Accelerator
from torch import nn

from segkit.evaluation.tables import write_evaluation
from segkit.evaluation.validation import Validation
from segkit.results.overlay_writer import overlay_files
from segkit.runtime.integrity import unguard
from segkit.runtime.precision import Precision
from segkit.runtime.processes import Process
from segkit.training.data_summary import DataSummary
from segkit.training.run_folder import RunFolder
from segkit.types import Metrics

OVERLAYS = 8
"""Images of each kind that are drawn in the last evaluation."""


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
        accelerator = self._accelerator
        process = Process(accelerator.device, accelerator.process_index, accelerator.num_processes)
        self._broadcast_buffers(model)
        if final and process.is_main:  # overlays are replaced one by one
            unguard(self._run.evaluation)
        with (
            overlay_files(self._run.overlays, self._validation.classes, OVERLAYS, process) if final else nullcontext()
        ) as overlays:
            metrics = self._validation.run(model, process.device, self._precision, on_result=overlays)
        if self._data is not None:
            self._data.evaluated = self._validation.tally
        if process.is_main:
            write_evaluation(self._run.evaluation, metrics)
        return metrics

    def _broadcast_buffers(self, model: nn.Module) -> None:
        """Gives all processes the main process's buffers.

        Each process updates its own running statistics in a step; without this, each would evaluate another model.
        """
        if self._accelerator.num_processes > 1:
            for buffer in model.buffers():
                torch.distributed.broadcast(buffer, src=0)
