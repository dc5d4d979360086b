"""The training loop, on one device or many."""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from accelerate import Accelerator
from torch import nn

from segkit.data.loaded import LoadedBatch
from segkit.evaluation.tables import class_table, comparable, summary, summary_table
from segkit.registries import Schedule
from segkit.runtime.processes import make_accelerator
from segkit.runtime.writing import Json
from segkit.training.bad_samples import BadSamples
from segkit.training.callables import Evaluation, LossFunction
from segkit.training.checkpoints import Checkpoints
from segkit.training.data_summary import DataSummary
from segkit.training.interruption import Interruption
from segkit.training.nonfinite import NonFiniteSteps
from segkit.training.progress import Meter, Reporter
from segkit.training.rescue import Rescue
from segkit.training.snapshot import Snapshot
from segkit.training.state import TrainingState
from segkit.training.step import StepReport, TrainingStep
from segkit.training.stopping import Stopping, StopRequest
from segkit.types import Batch, Metrics

SHOWN_METRICS = 6
"""Summary metrics in the line that is printed after an evaluation."""


class Trainer:
    """Trains a model.

    All parts are passed in built. `segkit.training.build.build_training` builds them from a config.

    Args:
        model: Takes `(images (B, 3, H, W) uint8, sizes)` and returns a prediction.
        criterion: The loss. An `nn.Module` is moved to the device.
        optimizer: Of the model's parameters, with the base learning rates.
        schedule: The factor of the learning rates at each step.
        batches: As many batches as the training takes.
        steps: Optimizer steps of the whole training, those of an earlier run included.
        accelerator: Device, processes and precision; by default fp32 on the GPU if there is one.
        state: How far an earlier run came, where one is resumed.
        accumulate: Batches per optimizer step.
        clip_gradients: Upper bound of the norm of all gradients together.
        on_nonfinite: What a step does whose loss or gradients are not finite.
        evaluate: Evaluates the model.
        checkpoints: Writes checkpoints; by default none are written.
        reporter: Prints and logs.
        log_every: Steps between lines of the log. What has an interval happens after the last step too.
        evaluate_every: Steps between evaluations.
        checkpoint_every: Steps between checkpoints.
        best_metric: The summary metric that decides which checkpoint is the best; by default the first.
        early_stopping: Stop after this many evaluations without a new best.
        notes: Lines to print at the start.
        data: Adds up what the model learns from, where segkit's loader makes the batches.
        bad_samples: Watches for samples that were replaced.

    Example:
        >>> from itertools import repeat
        >>> from segkit.criterion import LossReport
        >>> from segkit.types import Batch, ImageSizes, PixelPrediction
        >>> class Model(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.head = nn.Conv2d(3, 2, 1)
        ...     def forward(self, images, sizes):
        ...         return PixelPrediction(self.head(images.float()))
        >>> def criterion(prediction, targets):
        ...     return LossReport(prediction.pixel_logits.square().mean(), {})
        >>> model = Model()
        >>> images = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
        >>> batch = Batch(images, [ImageSizes((8, 8), (8, 8), (8, 8))], targets=[], files=["a.png"], image_ids=[0])
        >>> trainer = Trainer(
        ...     model,
        ...     criterion,
        ...     torch.optim.SGD(model.parameters(), lr=0.1),
        ...     lambda step, steps: 1 - step / steps,
        ...     repeat(batch),
        ...     steps=3,
        ...     reporter=Reporter(steps=3, active=False),
        ... )
        >>> trainer.run()
        >>> trainer.state.step
        3
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: LossFunction,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        batches: Iterable[Batch],
        *,
        steps: int,
        accelerator: Accelerator | None = None,
        state: TrainingState | None = None,
        accumulate: int = 1,
        clip_gradients: float | None = None,
        on_nonfinite: Literal["stop", "skip"] = "stop",
        evaluate: Evaluation | None = None,
        checkpoints: Checkpoints | None = None,
        reporter: Reporter | None = None,
        log_every: int = 20,
        evaluate_every: int | None = None,
        checkpoint_every: int | None = None,
        best_metric: str | None = None,
        early_stopping: int | None = None,
        notes: Sequence[str] = (),
        data: DataSummary | None = None,
        bad_samples: BadSamples | None = None,
    ) -> None:
        self.accelerator = accelerator or make_accelerator("fp32")
        self.model = model
        self.schedule = schedule
        self.batches = iter(batches)
        self.steps = steps
        self.state = state or TrainingState()
        self.accumulate = accumulate
        self.evaluate = evaluate
        self.checkpoints = checkpoints
        self.reporter = reporter or Reporter(steps, self.state.step, active=self.accelerator.is_main_process)
        self.log_every = log_every
        self.evaluate_every = evaluate_every
        self.checkpoint_every = checkpoint_every
        self.best_metric = best_metric
        self.early_stopping = early_stopping
        self.notes = notes
        self.data = data
        self.bad_samples = bad_samples
        self.stopping = Stopping(self.accelerator)
        # Read before a resumed optimizer brings the scheduled rates of its last step.
        self.base_rates = [group["lr"] for group in optimizer.param_groups]
        wrapped_model, self.optimizer = self.accelerator.prepare(model, optimizer)
        if isinstance(criterion, nn.Module):
            criterion.to(self.accelerator.device)
        self.training_step = TrainingStep(wrapped_model, criterion, self.optimizer, self.accelerator, clip_gradients)
        self.nonfinite = NonFiniteSteps(
            on_nonfinite, self.model, self.state, self.accelerator, self.checkpoints, self.reporter
        )
        self.rescue = Rescue(self.model, self.optimizer, self.state, self.checkpoints, self.reporter)
        self.meter = Meter()

    def run(self) -> dict[str, Metrics] | None:
        """Trains to the last step.

        Returns:
            The metrics of the last evaluation; None where there was none.

        Raises:
            TrainingError: The loss or its gradient is no longer finite. The last whole step is saved.
            DataError: An image cannot be read or is too small for the model. The last whole step is saved.
            KeyboardInterrupt: A signal stopped the training, after a checkpoint was written.
        """
        with self.reporter, self.rescue, Interruption(self.stopping):
            self._start()
            metrics = self._evaluate_if_due()  # where the run that is resumed ended in an evaluation
            stop: StopRequest | None = None
            while self.state.step < self.steps and (stop := self.stopping.agreed()) is None:
                report = self._train_step()
                if self._due(self.log_every):
                    self._log(report)
                if self._due(self.checkpoint_every):
                    self._save()
                metrics = self._evaluate_if_due() or metrics
            if stop is not None:
                self._end_early(stop)
        return metrics

    def _start(self) -> None:
        for note in [*self.notes, *(self.data.lines() if self.data is not None else ())]:
            self.reporter.print(note)
        self._ask_for_early_stop()  # by the evaluations of the run that is resumed
        self.meter = Meter()

    def _due(self, every: int | None) -> bool:
        """Returns whether an action with this interval is due after the current step. After the last step, all are."""
        return self.state.step == self.steps or (every is not None and self.state.step % every == 0)

    def _train_step(self) -> StepReport:
        """Makes one optimizer step."""
        before = Snapshot(self.model)
        self.rescue.begin_step(before)
        self._set_learning_rates()
        batches = [self._next_batch() for _ in range(self.accumulate)]
        if self.bad_samples is not None:
            self.bad_samples.watch(batches)
        report = self.training_step.compute_gradients(batches)
        if report.finite:
            self.rescue.begin_update()
            self.training_step.update()
            self.state.skipped = 0
        else:
            before.restore()
            self.nonfinite.handle(report, batches, before)
            self.training_step.discard()
        self.state.step += 1
        self.rescue.end_step()
        self.reporter.advance(self.state.step)
        return report

    def _next_batch(self) -> Batch:
        batch = self.meter.next_of(self.batches)
        if self.data is not None and isinstance(batch, LoadedBatch):
            self.data.add(batch.tally)
        return batch

    def _set_learning_rates(self) -> None:
        factor = self.schedule(self.state.step, self.steps)
        for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * factor

    def _log(self, report: StepReport) -> None:
        losses = {name: round(value, 6) for name, value in report.losses.items()}
        seconds = self.meter.seconds
        speed = self.meter.images * self.accelerator.num_processes / seconds
        self.reporter.show_step(self.state.step, losses, speed)
        values: dict[str, Json] = {
            "losses": losses,
            "gradient_norm": round(report.gradient_norm, 6),
            "learning_rate": max(group["lr"] for group in self.optimizer.param_groups),
            "images_per_second": round(speed, 3),
            "waiting_for_data": round(self.meter.waited / seconds, 4),
        }
        if self.accelerator.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self.accelerator.device)
            values["peak_memory_gb"] = round(peak / 1e9, 3)
        self.reporter.log(self.state.step, values)
        self.meter = Meter()

    def _evaluate_if_due(self) -> dict[str, Metrics] | None:
        if self.evaluate is None or self.state.evaluated == self.state.step or not self._due(self.evaluate_every):
            return None
        metrics = self._evaluate(self.evaluate)
        self.state.evaluated = self.state.step
        # The checkpoint that was written before the evaluation, so that its failure loses nothing, lacks its result.
        if self._due(self.checkpoint_every):
            self._save()
        return metrics

    def _evaluate(self, evaluate: Evaluation) -> dict[str, Metrics]:
        final = self.state.step == self.steps
        metrics = evaluate(self.model, final)
        values = summary(metrics)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in list(values.items())[:SHOWN_METRICS])
        self.reporter.print(f"step {self.state.step}: {shown}")
        self.reporter.log(self.state.step, {"evaluation": values})
        self._summarize_data()
        self._keep_best(comparable(metrics))
        if final:
            self.reporter.print(class_table(metrics))
            self.reporter.print(summary_table(metrics))
        self.meter = Meter()  # the time of an evaluation is no part of the training speed
        return metrics

    def _keep_best(self, values: dict[str, float]) -> None:
        """Keeps the weights if they are the best so far; `values` are comparable."""
        value = values[self.best_metric or next(iter(values))]
        if self.state.best is None or value > self.state.best:
            self.state.best = value
            self.state.evaluations_without_best = 0
            if self.checkpoints is not None:
                self.checkpoints.save_best(self.model)
        else:
            self.state.evaluations_without_best += 1
        self._ask_for_early_stop()

    def _ask_for_early_stop(self) -> None:
        if self.early_stopping is not None and self.state.evaluations_without_best >= self.early_stopping:
            self.stopping.request(f"{self.early_stopping} evaluations without a new best")

    def _summarize_data(self) -> None:
        for warning in [] if self.data is None else self.data.update(self.state.step):
            self.reporter.print(warning)

    def _save(self) -> None:
        self._summarize_data()
        if self.checkpoints is not None:
            self.checkpoints.save(self.model, self.optimizer, self.state)
            self.rescue.note_saved()

    def _end_early(self, stop: StopRequest) -> None:
        """Saves what is done so far. A training that is to be continued ends as by Ctrl-C."""
        self._save()
        if stop.complete:
            self.reporter.print(f"stopped early at step {self.state.step}: {stop.reason}")
            return
        output = "" if self.checkpoints is None else f"; continue with --resume --output {self.checkpoints.run.path}"
        self.reporter.print(f"stopped at step {self.state.step} by {stop.reason}{output}")
        raise KeyboardInterrupt
