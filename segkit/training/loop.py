"""The training loop, on one device or many."""

import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from segkit.build import (
    build_criterion,
    build_dataset,
    build_model,
    build_optimizer,
    build_schedule,
    build_transforms,
)
from segkit.checkpoint import (
    classes_differ,
    initialize_from,
    load_fitting,
    read_classes,
    read_weights,
    save_checkpoint,
)
from segkit.config import Config
from segkit.config.sections import Split, Training
from segkit.criterion.criterion import LossReport
from segkit.data.loading import training_loader
from segkit.errors import CheckpointError, ConfigError, TrainingError, suggest
from segkit.evaluation.tables import class_table, summary, summary_table, write_metrics
from segkit.evaluation.validation import Validation
from segkit.results.overlay_writer import OverlayWriter
from segkit.runtime.compilation import BUCKET, compile_parts
from segkit.runtime.processes import make_accelerator
from segkit.training.interruption import Interruption
from segkit.training.progress import Meter, Reporter
from segkit.training.run_folder import RunFolder
from segkit.training.state import TrainingState, load_state, save_state
from segkit.types import Batch, Metrics

OVERLAYS = 8
"""Images drawn after the last evaluation."""


class Trainer:
    """Trains what a config describes, into a run's folder.

    Raises ConfigError for a config that cannot be trained, TrainingError where the loss is not finite any more;
    checkpoints written before stay.
    """

    def __init__(self, config: Config, run: RunFolder, resume: bool) -> None:
        self.config = config
        self.run_folder = run
        self.settings, split = _sections(config)
        self.accelerator = make_accelerator(self.settings.precision)
        if self.settings.precision == "fp16" and self.accelerator.device.type == "cpu":
            raise ConfigError(f"{config.origin('training.precision')}: training.precision: fp16 needs a GPU; use bf16.")
        torch.manual_seed(self.settings.seed)
        dataset = build_dataset(split)
        self.classes = dataset.classes
        self.model: Any = build_model(config, self.classes, initial_weights=not resume)
        self.size_divisor: int = self.model.size_divisor
        self.criterion = build_criterion(config, self.classes).to(self.accelerator.device)
        self.schedule = build_schedule(self.settings.schedule)
        self.state = TrainingState()
        self.notes: list[str] = []
        self._prepare(resume)
        torch.manual_seed(self.settings.seed + self.accelerator.process_index)
        if resume:
            self._resume()
        shares = {"rank": self.accelerator.process_index, "num_processes": self.accelerator.num_processes}
        self.batches = iter(
            training_loader(
                dataset,
                build_transforms(split.transforms),
                batch_size=split.batch_size,
                workers=split.workers,
                size_divisor=math.lcm(self.size_divisor, BUCKET) if self.settings.compile else self.size_divisor,
                seed=self.settings.seed,
                start_batch=self.state.step * self.settings.accumulate,
                **shares,
            )
        )
        has_validation = config.experiment.data is not None and config.experiment.data.val is not None
        self.validation = Validation(config, self.classes, self.size_divisor, **shares) if has_validation else None
        if self.validation is not None:
            _check_best_metric(config, self.validation.metric_names())
        self.effective_batch = split.batch_size * self.settings.accumulate * self.accelerator.num_processes

    def _prepare(self, resume: bool) -> None:
        """Initial weights, then optimizer, device and processes."""
        source = self.config.experiment.init_from
        if source is not None and not resume:
            reset_head = self.config.experiment.reset_head
            report = initialize_from(self.model, source, self.config, self.classes, reset_head)
            self.notes.append(f"initialized from {source}: {report}")
        if self.settings.compile:
            compile_parts(self.model)
        optimizer = build_optimizer(self.settings.optimizer, self.model)
        self.base_rates = [group["lr"] for group in optimizer.param_groups]
        self.prepared, self.optimizer = self.accelerator.prepare(self.model, optimizer)

    def _resume(self) -> None:
        folder = self.run_folder.newest_state()
        assert folder is not None, "RunFolder.existing has made sure of it"
        difference = classes_differ(read_classes(folder), self.classes)
        if difference:
            raise CheckpointError(
                f"{folder}: is for another class list ({difference}). Resume with the data set it was made with, or "
                f"start anew with init_from={folder} and --reset-head."
            )
        report = load_fitting(self.model, read_weights(folder))
        if not report.complete:
            raise CheckpointError(
                f"{folder}: does not fit the model of {self.config.path}: {report}. Resume with the config it was made "
                f"with, or start anew with init_from={folder}."
            )
        self.state = load_state(folder, self.optimizer, self.accelerator)
        if self.accelerator.is_main_process:
            self.run_folder.forget_after(self.state.step)
        self.notes.append(f"resumed from {folder}")

    def run(self) -> dict[str, Metrics] | None:
        """Trains to the end; returns the last evaluation, None where there is nothing to evaluate on."""
        metrics = None
        if self.accelerator.is_main_process:
            facts = {"effective_batch": self.effective_batch, "num_processes": self.accelerator.num_processes}
            self.run_folder.start(self.config, facts)
        run, main = self.run_folder, self.accelerator.is_main_process
        with (
            Reporter(run.path, run.metrics, self.settings.steps, self.state.step, main) as self.reporter,
            Interruption(self.accelerator) as interruption,
        ):
            self._introduce()
            meter = Meter()
            while self.state.step < self.settings.steps and not self._stops_early():
                report = self._step(meter)
                self.reporter.advance(self.state.step)
                if self._due(self.settings.log_every):
                    self._log(report, meter)
                    meter = Meter()
                if self._due(self.settings.evaluate_every) and self.validation is not None:
                    metrics = self._evaluate()
                    meter = Meter()
                if self._due(self.settings.checkpoint_every):
                    self._save()
                if interruption.asked:
                    self._abandon()
            self._conclude(metrics)
        return metrics

    def _due(self, every: int | None) -> bool:
        step = self.state.step
        return step == self.settings.steps or (every is not None and step % every == 0)

    def _stops_early(self) -> bool:
        patience = self.settings.early_stopping
        return patience is not None and self.state.evaluations_without_best >= patience

    def _step(self, meter: Meter) -> LossReport:
        """One optimizer step over `accumulate` batches."""
        factor = self.schedule(self.state.step, self.settings.steps)
        for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * factor
        self.prepared.train()
        for index in range(self.settings.accumulate):
            batch = meter.timed(self.batches)
            last = index == self.settings.accumulate - 1
            with nullcontext() if last else self.accelerator.no_sync(self.prepared):
                report = self._forward(batch)
                self.accelerator.backward(report.total / self.settings.accumulate)
        if self.settings.clip_gradients is not None:
            self.accelerator.clip_grad_norm_(self.prepared.parameters(), self.settings.clip_gradients)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.state.step += 1
        return report

    def _forward(self, batch: Batch) -> LossReport:
        device = self.accelerator.device
        images = batch.images.to(device, non_blocking=True)
        targets = [target.to(device) for target in batch.targets]
        with self.accelerator.autocast():
            prediction = self.prepared(images, [size.unpadded for size in batch.sizes])
            report: LossReport = self.criterion(prediction, targets)
        if not math.isfinite(report.total.item()):
            raise TrainingError(
                f"step {self.state.step + 1}: the loss is not finite ({_figures(report)}) on {', '.join(batch.files)}. "
                "Lower the learning rate, clip gradients, or train in fp32 or bf16; then go on from the last "
                "checkpoint with --resume."
            )
        return report

    def _log(self, report: LossReport, meter: Meter) -> None:
        losses = {"total": report.total} | report.parts
        values = {name: round(float(value.detach()), 6) for name, value in losses.items()}
        speed = meter.images * self.accelerator.num_processes / meter.seconds
        self.reporter.show_step(self.state.step, values, speed)
        figures: dict[str, Any] = {
            "losses": values,
            "learning_rate": max(group["lr"] for group in self.optimizer.param_groups),
            "images_per_second": round(speed, 3),
            "waiting_for_data": round(meter.waited / meter.seconds, 4),
        }
        if self.accelerator.device.type == "cuda":
            figures["peak_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 3)
        self.reporter.log(self.state.step, figures)

    def _evaluate(self) -> dict[str, Metrics]:
        assert self.validation is not None
        final = self.state.step == self.settings.steps
        drawing = final and self.accelerator.is_main_process
        overlays = OverlayWriter(self.run_folder.overlays, self.classes, OVERLAYS) if drawing else None
        self._share_buffers()
        metrics = self.validation.run(self.model, self.accelerator.device, self.settings.precision, on_result=overlays)
        figures = summary(metrics)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in list(figures.items())[:6])
        self.reporter.say(f"step {self.state.step}: {shown}")
        self.reporter.log(self.state.step, {"evaluation": figures})
        self._keep_best(figures)
        if self.accelerator.is_main_process:
            write_metrics(self.run_folder.evaluation / "metrics.json", metrics)
        if final:
            self.reporter.say(class_table(metrics))
            self.reporter.say(summary_table(metrics))
        return metrics

    def _share_buffers(self) -> None:
        """Gives all processes the main one's running statistics: each has updated its own since the last step began."""
        if self.accelerator.num_processes > 1:
            for buffer in self.model.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def _keep_best(self, figures: dict[str, float]) -> None:
        value = figures[self.settings.best_metric or next(iter(figures))]
        value = -math.inf if math.isnan(value) else value
        if self.state.best is None or value > self.state.best:
            self.state.best = value
            self.state.evaluations_without_best = 0
            if self.accelerator.is_main_process:
                save_checkpoint(self.run_folder.best, self.model, self.config, self.classes)
        else:
            self.state.evaluations_without_best += 1

    def _save(self) -> None:
        """`checkpoints/step_N`, from which the training can be resumed, and `last`."""
        folder = self.run_folder.checkpoint(self.state.step)
        if self.accelerator.is_main_process:
            save_checkpoint(folder, self.model, self.config, self.classes)
        save_state(folder, self.state, self.optimizer, self.accelerator)
        if self.accelerator.is_main_process:
            save_checkpoint(self.run_folder.last, self.model, self.config, self.classes)
            self.run_folder.prune_checkpoints(self.settings.keep_checkpoints)
        self.accelerator.wait_for_everyone()

    def _introduce(self) -> None:
        parameters = sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)
        self.reporter.say(
            f"{self.config.path} -> {self.run_folder.path}: {parameters / 1e6:.1f} M trainable parameters, "
            f"{len(self.classes)} classes, {self.effective_batch} images a step, {self.settings.precision} on "
            f"{self.accelerator.num_processes} x {self.accelerator.device.type}"
        )
        for note in self.notes:
            self.reporter.say(note)

    def _abandon(self) -> None:
        """Keeps what is done so far, and ends as Ctrl-C does."""
        self._save()
        self.reporter.say(f"stopped at step {self.state.step}; go on with --resume --output {self.run_folder.path}")
        raise KeyboardInterrupt

    def _conclude(self, metrics: dict[str, Metrics] | None) -> None:
        if self._stops_early() and self.state.step < self.settings.steps:
            self.reporter.say(f"stopped early: {self.settings.early_stopping} evaluations without a new best")
            self._save()
        self.reporter.say(f"checkpoints: {self.run_folder.best if metrics else self.run_folder.last}")
        if self.run_folder.overlays.is_dir():
            self.reporter.say(f"images: {self.run_folder.overlays}")


def _sections(config: Config) -> tuple[Training, Split]:
    experiment = config.experiment
    if experiment.training is None:
        raise ConfigError(f"{config.path}: training: the config has no such section, so there is nothing to train by.")
    if experiment.data is None or experiment.data.train is None:
        raise ConfigError(f"{config.path}: data.train: a training needs a data set, and the config names none.")
    return experiment.training, experiment.data.train


def _check_best_metric(config: Config, figures: list[str]) -> None:
    training = config.experiment.training
    name = training and training.best_metric
    if name and name not in figures:
        raise ConfigError(
            f"{config.origin('training.best_metric')}: training.best_metric: the evaluation has no '{name}'."
            f"{suggest(name, figures)} It has: {', '.join(figures)}"
        )


def _figures(report: LossReport) -> str:
    return ", ".join(f"{name} {value.item():.4g}" for name, value in ({"total": report.total} | report.parts).items())


def train(config: Config, output: str | Path | None = None, resume: bool = False) -> Path:
    """Trains `config` and returns the run's folder.

    Args:
        output: the run's folder; by default one in `runs/` named like the config, numbered where that is taken.
        resume: go on with the run in `output`, or with the newest of this config.
    """
    run = RunFolder.existing(config, output) if resume else RunFolder.new(config, output)
    Trainer(config, run, resume).run()
    return run.path
