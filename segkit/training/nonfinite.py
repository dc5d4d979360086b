"""What happens to a step whose loss or gradients are not finite."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from segkit.errors import SegkitError, TrainingError, join_first
from segkit.training.checkpoints import Checkpoints
from segkit.training.dump import DUMPS, ProcessDump, files_of, process_file, write_process
from segkit.training.progress import Reporter
from segkit.training.snapshot import Snapshot
from segkit.training.state import TrainingState
from segkit.training.step import StepReport
from segkit.types import Batch

MAX_SKIPPED = 10
"""Steps in a row that may be skipped."""

MAX_OVERFLOWS = 20
"""Steps in a row whose gradients may overflow in fp16. Each halves the scale of the loss, which starts at 65536."""

MAX_DUMPS = 3
"""Skipped steps of one training that are dumped, since each dump holds the weights."""


@dataclass(frozen=True)
class _Step:
    """A step, and what is needed to dump it."""

    number: int
    """From 1."""
    report: StepReport
    batches: Sequence[Batch]
    before: Snapshot


class NonFiniteSteps:
    """Stops the training or lets it go on without a step that is not finite. Every process must call it.

    A GPU leaves out such a step by itself, and the program need not wait to hear of it. So a step is settled within the
    next one, before the weights change again, or at once where something is logged, saved or evaluated after it.

    Args:
        policy: `stop`, or `skip` at most `MAX_SKIPPED` steps in a row.
        model: The model.
        state: How far the training is. Counts the steps in a row.
        accelerator: Connects the processes of the training.
        checkpoints: Knows the run folder, where dumps are written. None writes none.
        reporter: Prints which steps are skipped.
    """

    def __init__(
        self,
        policy: Literal["stop", "skip"],
        model: nn.Module,
        state: TrainingState,
        accelerator: Accelerator,
        checkpoints: Checkpoints | None,
        reporter: Reporter,
    ) -> None:
        self.policy = policy
        self._model = model
        self._state = state
        self._accelerator = accelerator
        self._checkpoints = checkpoints
        self._reporter = reporter
        self._dumps = 0
        self._unsettled: _Step | None = None

    def watch(self, report: StepReport, batches: Sequence[Batch], before: Snapshot) -> None:
        """Takes the present step, whose values need not have arrived.

        Args:
            report: Of the step.
            batches: Of this process.
            before: Taken before the step.
        """
        self._unsettled = _Step(self._state.step + 1, report, batches, before)

    def settle(self) -> None:
        """Looks at the step that was taken last, once. Returns if the training shall go on.

        Raises:
            TrainingError: It shall stop. The state says that the step was not made.
        """
        step, self._unsettled = self._unsettled, None
        if step is None:
            return
        if step.report.finite:
            self._state.skipped = 0
        else:
            self._handle(step)

    def sum_up(self) -> None:
        """Tells at the end of a training how many of its steps were skipped."""
        if self._state.skipped_of_all:
            last = f", among them the last {self._state.skipped}" if self._state.skipped else ""
            self._reporter.print(
                f"{self._state.skipped_of_all} of {self._state.step} steps were skipped, because they were not "
                f"finite{last}"
            )

    def leave_to_next_run(self) -> None:
        """Ends a training that has failed elsewhere. A step that is not settled and not finite counts as not made.

        The training that goes on makes it again and tells of it. Processes do not communicate.
        """
        step, self._unsettled = self._unsettled, None
        if step is None:
            return
        if step.report.finite:
            self._state.skipped = 0
        else:
            self._state.step = step.number - 1

    def _handle(self, step: _Step) -> None:
        self._state.skipped += 1
        # Overflows are how fp16 finds the scale of its loss. They are no fault unless they do not end.
        overflow = self._accelerator.scaler is not None and step.report.loss_finite
        if overflow and self._state.skipped <= MAX_OVERFLOWS:
            return
        skip = self.policy == "skip" and self._state.skipped <= MAX_SKIPPED and not overflow
        text = self._describe(step)
        dump = ""
        if not skip or self._dumps < MAX_DUMPS:
            self._dumps += 1
            dump = self._dump(step)
        if skip:
            self._state.skipped_of_all += 1
            self._reporter.print(
                f"{text}. The step is skipped ({self._state.skipped} in a row, at most {MAX_SKIPPED}).{dump}"
            )
            return
        self._state.step = step.number - 1
        way_on = self._checkpoints.run.way_on(self._state.step > 0) if self._checkpoints else "start anew"
        row = f"; no step of the last {self._state.skipped} was finite" if self._state.skipped > 1 else ""
        raise TrainingError(
            f"{text}{row}.{dump} Lower the learning rate, clip gradients, or train in fp32 or bf16; then {way_on}."
        )

    def _describe(self, step: _Step) -> str:
        report = step.report
        losses = ", ".join(f"{name} {value:.4g}" for name, value in report.losses.items())
        what = "the gradients are not finite" if report.loss_finite else "the loss is not finite"
        files = gather_object(files_of(step.batches))
        return (
            f"step {step.number}: {what} ({losses}, gradient_norm {report.gradient_norm:.4g}) on "
            f"{join_first(files, 32)}"
        )

    def _dump(self, step: _Step) -> str:
        """Writes a dump; returns a sentence about it."""
        if self._checkpoints is None:
            return ""
        report, rank = step.report, int(self._accelerator.process_index)
        dump = ProcessDump(
            step=step.number,
            num_processes=int(self._accelerator.num_processes),
            batches=list(step.batches),
            random=step.before.random,
            normalizers=None if report.normalizers is None else report.normalizers.cpu(),
            losses=report.losses,
            gradient_norm=report.gradient_norm,
            loss_scale=None if report.loss_scale is None else float(report.loss_scale),
        )
        folder = self._checkpoints.run.path / DUMPS / f"step_{dump.step}"
        present = Snapshot(self._model)  # the forward pass of the next step has changed running statistics
        step.before.restore()
        try:
            if rank == 0:
                self._checkpoints.save_dump(folder, self._model, partial(_write_process, dump, 0))
            self._accelerator.wait_for_everyone()
            # The folder is there unless it could not be written; the other processes add to it.
            if rank > 0 and folder.is_dir():
                _write_process(dump, rank, folder)
        except (SegkitError, OSError) as error:
            if rank == 0:  # the others wait for it
                self._accelerator.wait_for_everyone()
            return f" It could not be dumped: {error}"
        finally:
            present.restore()
        return f" `segkit replay {folder}` computes it again and names the first value that is not finite."


def _write_process(dump: ProcessDump, rank: int, folder: Path) -> None:
    write_process(process_file(folder, rank), dump)
