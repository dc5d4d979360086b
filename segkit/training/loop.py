"""The training loop, on one device or many."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import torch
from accelerate import Accelerator
from torch import nn

from segkit.data.loaded import LoadedBatch
from segkit.errors import TrainingStopped
from segkit.evaluation.tables import comparable, summary
from segkit.registries import Hook, Schedule, TrainingContext
from segkit.runtime.processes import make_accelerator
from segkit.runtime.seeds import STEP, derived_seed
from segkit.runtime.writing import Json
from segkit.training.bad_samples import BadSamples
from segkit.training.callables import Evaluation, LossFunction
from segkit.training.checkpoints import Checkpoints
from segkit.training.data_summary import DataSummary
from segkit.training.final_tables import FinalTables
from segkit.training.hooks import Hooks
from segkit.training.interruption import Interruption
from segkit.training.learning_rates import LearningRates
from segkit.training.loop_settings import LoopSettings
from segkit.training.nonfinite import NonFiniteSteps
from segkit.training.progress import Meter, Reporter
from segkit.training.rescue import Rescue
from segkit.training.snapshot import Snapshot
from segkit.training.state import TrainingState
from segkit.training.step import StepReport, TrainingStep
from segkit.training.stopping import Stopping, StopRequest
from segkit.training.time_limit import TimeLimit
from segkit.training.trial import trial
from segkit.types import Batch, Metrics


class Trainer:
    """Trains a model.

    All parts are passed in built. `segkit.training.build.build_training` builds them from a config.

    Args:
        model: Takes `(images (B, 3, H, W) uint8, sizes)` and returns a prediction.
        criterion: The loss. An `nn.Module` is moved to the device.
        optimizer: Of the model's parameters, with the base learning rates.
        schedule: The factor of the learning rates at each step.
        batches: As many batches as the training takes. A hook that tries steps iterates over them anew.
        settings: Its numbers.
        accelerator: Device, processes and precision; by default fp32 on the GPU if there is one.
        state: How far an earlier run came, where one is resumed.
        evaluate: Evaluates the model.
        checkpoints: Writes checkpoints; by default none are written.
        reporter: Prints and logs.
        hooks: Called at fixed moments, by the names under which their states are saved. Their `on_model` was called.
        notes: Lines to print at the start.
        data: Adds up what the model learns from, where segkit's loader makes the batches.
        bad_samples: Watches for samples that were replaced.

    Example:
        >>> import segkit
        >>> from segkit.criterion import LossReport
        >>> from segkit.data.loading import training_loader
        >>> from segkit.datasets.shapes import Shapes
        >>> model = segkit.build_model("configs/quickstart.yaml")
        >>> batches = training_loader(Shapes(size=(32, 32)), [], batch_size=1, workers=0, size_divisor=16, seed=0)
        >>> criterion = lambda prediction, targets: LossReport(prediction.mask_logits.square().mean(), {})
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> schedule, reporter = lambda step, steps: 1 - step / steps, Reporter(steps=3, active=False)
        >>> settings = LoopSettings(steps=3)
        >>> trainer = Trainer(model, criterion, optimizer, schedule, batches, settings, reporter=reporter)
        >>> trainer.run(), trainer.state.step
        (None, 3)
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: LossFunction,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        batches: Iterable[Batch],
        settings: LoopSettings,
        *,
        accelerator: Accelerator | None = None,
        state: TrainingState | None = None,
        evaluate: Evaluation | None = None,
        checkpoints: Checkpoints | None = None,
        reporter: Reporter | None = None,
        hooks: Mapping[str, Hook] | None = None,
        notes: Sequence[str] = (),
        data: DataSummary | None = None,
        bad_samples: BadSamples | None = None,
    ) -> None:
        self.accelerator = accelerator or make_accelerator("fp32")
        self.model = model
        self.batches = iter(batches)
        self.settings = settings
        self.steps = settings.steps
        self.state = state or TrainingState()
        self.evaluate = evaluate
        self.checkpoints = checkpoints
        self.reporter = reporter or Reporter(self.steps, self.state.step, active=self.accelerator.is_main_process)
        self.notes, self.data, self.bad_samples = notes, data, bad_samples
        self.stopping = Stopping(self.accelerator)
        self.interruption = Interruption(self.stopping)
        self.time_limit = TimeLimit()
        self.rates = LearningRates(optimizer, schedule, self.steps, model)
        wrapped, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.training_step = TrainingStep(wrapped, criterion, self.optimizer, self.accelerator, settings.clip_gradients)
        on_nonfinite = settings.on_nonfinite
        self.nonfinite = NonFiniteSteps(on_nonfinite, model, self.state, self.accelerator, checkpoints, self.reporter)
        self.hooks = Hooks(hooks or {}, self._context(batches))
        self.rescue = Rescue(model, self.optimizer, self.state, self.hooks, self.nonfinite, checkpoints, self.reporter)
        self.tables = FinalTables(self.state, self.hooks, checkpoints, self.reporter)

    def _context(self, batches: Iterable[Batch]) -> TrainingContext:
        """Returns what hooks see of the training."""
        return TrainingContext(
            self.model,
            self.optimizer,
            self.steps,
            self.state,
            log=self._record,
            print=self.reporter.print,
            stop=self.stopping.request,
            trial=partial(trial, self.model, self.training_step, self.rates, batches, self.settings.accumulate),
            is_main=self.accelerator.is_main_process,
            folder=None if self.checkpoints is None else self.checkpoints.run.path,
            config={} if self.checkpoints is None else self.checkpoints.config.data,
        )

    def run(self) -> dict[str, Metrics] | None:
        """Trains to the last step.

        Returns:
            The metrics of the best checkpoint, or of the last evaluation where none is written; None without any.

        Raises:
            TrainingError: The loss or its gradient is no longer finite. The last whole step is saved.
            DataError: An image cannot be read or is too small for the model. The last whole step is saved.
            TrainingStopped: A signal or the limit of time stopped the training. The last whole step is saved.
        """
        with self.reporter, self.interruption, self.rescue:  # no signal interrupts the rescue
            for note in [*self.notes, *(self.data.lines() if self.data is not None else ())]:
                self.reporter.print(note)
            with self.hooks:
                return self._run()

    def _run(self) -> dict[str, Metrics] | None:
        if self.evaluate is not None and self.settings.evaluate_start and self.state.step == 0:
            self._measure(self.evaluate, self.model)
        self.meter = Meter()
        metrics = self._evaluate_if_due()  # where the run that is resumed ended in an evaluation
        stop: StopRequest | None = None
        while self.state.step < self.steps and (stop := self._stop_agreed()) is None:
            with self.time_limit.measured("step"):
                report = self._train_step()
            if self._due(self.settings.log_every):
                self._log(report)
            if self._due(self.settings.checkpoint_every) or self.time_limit.needs_save:
                self._save()
            metrics = self._evaluate_if_due() or metrics
        if stop is not None:
            metrics = self._end_early(stop) or metrics
        self.nonfinite.sum_up()
        return self.tables.complete(self.evaluate, self.model) or metrics

    def _due(self, *intervals: int | None, ahead: int = 0) -> bool:
        """Returns whether one of the actions is due `ahead` steps later. After the last step, all are."""
        step = self.state.step + ahead
        return step == self.steps or any(every is not None and step % every == 0 for every in intervals)

    def _stop_agreed(self) -> StopRequest | None:
        """Returns why to stop before the next step; None to go on."""
        every = self.settings.evaluate_every
        evaluations = 0 if self.evaluate is None else self._due(every, ahead=1) + self._due(ahead=1)
        self.time_limit.check(self.stopping, evaluations)
        return self.stopping.agreed()

    def _train_step(self) -> StepReport:
        """Makes one optimizer step."""
        if self.settings.seed is not None:  # each process has its own dropout
            torch.manual_seed(derived_seed(self.settings.seed, STEP, self.state.step, self.accelerator.process_index))
        before = Snapshot(self.model)
        self.rescue.begin_step(before)
        self.rates.set(self.state.step)
        batches = [self._next_batch() for _ in range(self.settings.accumulate)]
        if self.bad_samples is not None:
            self.bad_samples.watch(batches)
        report = self.training_step.compute_gradients(batches, self.state.step, self.steps)
        self.nonfinite.settle()  # the step before, whose values have arrived meanwhile
        self.rescue.begin_update()
        self.training_step.update(report)
        before.restore_if(report.nonfinite)
        self.rescue.end_step()
        self.nonfinite.watch(report, batches, before)
        if self._due(*self.settings.intervals, ahead=1) or self.time_limit.needs_save:
            self.nonfinite.settle()
        self.state.step += 1
        self.hooks.after_step(report.nonfinite)
        self.reporter.advance(self.state.step)
        return report

    def _next_batch(self) -> Batch:
        with self.interruption.waiting():
            batch = self.meter.next_of(self.batches)
        if self.data is not None and isinstance(batch, LoadedBatch):
            self.data.add(batch.tally)
        return batch

    def _log(self, report: StepReport) -> None:
        losses = {name: round(value, 6) for name, value in report.losses.items()}
        rates = self.meter.rates(self.accelerator)
        self.reporter.show_step(self.state.step, losses, rates["images_per_second"])
        values = {"gradient_norm": round(report.gradient_norm, 6), "learning_rate": self.rates.highest}
        self._record({"losses": losses, **values, **rates})
        self.meter = Meter()

    def _record(self, values: Mapping[str, Json]) -> None:
        """Writes values to all logs."""
        self.reporter.log(self.state.step, values)
        if self.accelerator.is_main_process:
            self.hooks.on_log(values)

    def _evaluate_if_due(self) -> dict[str, Metrics] | None:
        due = self._due(self.settings.evaluate_every)
        if self.evaluate is None or self.state.evaluated == self.state.step or not due:
            return None
        metrics = self._evaluate(self.evaluate)
        # The checkpoint that was written before the evaluation, so that its failure loses nothing, lacks its result.
        if self._due(self.settings.checkpoint_every):
            self._save()
        return metrics

    def _measure(self, evaluate: Evaluation, model: nn.Module) -> dict[str, Metrics]:
        """Evaluates a model and logs the metrics."""
        with self.time_limit.measured("evaluation"):
            metrics = evaluate(model, self.state.step == self.steps)
        self.reporter.show_evaluation(f"step {self.state.step}", metrics)
        self._record(self.reporter.logged(metrics))
        return metrics

    def _evaluate(self, evaluate: Evaluation) -> dict[str, Metrics]:
        self.hooks.before_evaluation()
        model = self.hooks.context.evaluated_model or self.model
        metrics = self._measure(evaluate, model)
        self._summarize_data()
        compared = comparable(metrics)
        value = compared[self.settings.best_metric or next(iter(compared))]
        if self.checkpoints is not None and self.state.would_be_best(value):
            self.checkpoints.save_best(model)
        self.state.count_evaluation(value)
        if self.state.step == self.steps:
            self.tables.show_last(metrics)
        self.hooks.after_evaluation(summary(metrics))
        self.meter = Meter()  # the time of an evaluation is no part of the training speed
        return metrics

    def _summarize_data(self) -> None:
        for warning in [] if self.data is None else self.data.update(self.state.step):
            self.reporter.print(warning)

    def _save(self) -> None:
        self._summarize_data()
        if self.checkpoints is not None:
            with self.time_limit.measured("save"):
                self.checkpoints.save(self.model, self.optimizer, self.state, self.hooks)
            self.rescue.note_saved()

    def _end_early(self, stop: StopRequest) -> dict[str, Metrics] | None:
        """Ends the training after this step. One that is to be continued ends as an error does."""
        self.nonfinite.settle()
        if stop.complete:
            self.reporter.print(f"stopped early at step {self.state.step}: {stop.reason}")
            self.steps = self.state.step
        self._save()
        if stop.complete:
            return self._evaluate_if_due()
        text = f"stopped at step {self.state.step} of {self.steps} by {stop.reason}"
        raise TrainingStopped(text, by_keyboard=stop.reason == "SIGINT")
