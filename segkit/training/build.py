"""From a config to a training that is ready to run."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator

from segkit.build import (
    build_criterion,
    build_dataset,
    build_hooks,
    build_model,
    build_optimizer,
    build_schedule,
    build_transforms,
    queries_to_match,
    with_pixel_values,
)
from segkit.checkpoint import classes_differ, read_classes, read_weights
from segkit.config import Config
from segkit.config.sections import Training, TrainingSplit
from segkit.data.data_warnings import noted_warnings
from segkit.data.loaded import LoadedBatch
from segkit.data.repeat_factors import epoch_length
from segkit.data.sampling import sample_dataset
from segkit.errors import CheckpointError, ConfigError, counted
from segkit.evaluation.pixel_formats import require_pixel_format
from segkit.evaluation.validation import Validation
from segkit.models._base import SegmentationModel
from segkit.registries import Dataset
from segkit.runtime.batch_norm import synchronize_batch_norms
from segkit.runtime.compilation import compile_parts
from segkit.runtime.processes import make_accelerator
from segkit.runtime.weights import load_fitting
from segkit.training.bad_samples import BadSamples
from segkit.training.batches import Batches, training_batches
from segkit.training.checkpoints import Checkpoints
from segkit.training.class_weights import with_class_weights
from segkit.training.continuity import changed_settings, changes, keep_class_weights, keep_pixel_values
from segkit.training.data_summary import DataSummary
from segkit.training.evaluation import RunEvaluation
from segkit.training.first_look import SECONDS, all_problems, first_look, refuse_bad
from segkit.training.frozen_weights import frozen_at_random
from segkit.training.initialization import initialize_from
from segkit.training.log import go_on_with_log
from segkit.training.loop import Trainer
from segkit.training.loop_settings import LoopSettings
from segkit.training.progress import Reporter
from segkit.training.refusals import check_best_metric, require_sections
from segkit.training.repeated_datasets import repeated_datasets
from segkit.training.repeats import factors_of_run, repeats_in_words
from segkit.training.run_folder import RunFolder
from segkit.training.small_batch import try_transforms
from segkit.training.state import SavedState, TrainingState
from segkit.training.training_classes import TrainingClasses
from segkit.training.unreached import unreached


@dataclass
class _Plan:
    """What all steps of building need."""

    config: Config
    run: RunFolder
    settings: Training
    split: TrainingSplit
    accelerator: Accelerator
    dataset: Dataset
    warnings: list[str]
    repeat_factors: list[float] | None = None

    @property
    def effective_batch(self) -> int:
        """Images per optimizer step, over all processes."""
        return self.split.batch_size * self.settings.accumulate * int(self.accelerator.num_processes)


def build_training(
    config: Config, run: RunFolder, resume: bool = False, device: torch.device | str | None = None
) -> Trainer:
    """Builds the training that a config describes, and writes the first files of its run folder.

    Args:
        config: Must have the sections `training`, `criterion` and `data.train`.
        run: Where the training writes.
        resume: Continue from the newest checkpoint in `run`.
        device: As for `segkit.runtime.processes.join_processes`.

    Raises:
        ConfigError: The config cannot be trained, or the device cannot be used.
        CheckpointError: The checkpoint to start or resume from does not fit.
        DataError: The training data have nothing to learn from, or an image that was looked at cannot be read.
    """
    plan = _plan(config, run, device)
    saved = SavedState(run.require_newest_checkpoint()) if resume else None
    state = saved.state if saved else TrainingState()
    if not run.best.is_dir():  # it was damaged or removed
        state.forget_best()
    torch.manual_seed(plan.settings.seed)  # all processes begin with the same weights
    config = keep_class_weights(saved, keep_pixel_values(saved, plan.config)) if saved else plan.config
    rank = int(plan.accelerator.process_index)
    seen = TrainingClasses(plan.dataset, plan.split, rank, int(plan.accelerator.num_processes))
    config = with_class_weights(config, seen)
    model = build_model(config, plan.dataset.classes, initial_weights=not resume)
    require_pixel_format(model, plan.dataset, build_transforms(plan.split.transforms), "data.train")
    plan = replace(plan, config=with_pixel_values(config, model))
    notes = _load_weights(plan, model, saved)
    plan.repeat_factors = factors_of_run(run, plan.split, seen, resume=resume, rank=rank)
    notes += repeats_in_words(plan.repeat_factors, plan.split.repeat_threshold)
    state.num_images = len(plan.dataset)
    # A run of an earlier version draws on from its saved random states.
    trainer = _trainer(plan, model, state, notes, seed=None if saved and saved.random else plan.settings.seed)
    if saved:
        saved.restore(trainer.optimizer, plan.accelerator, changed_settings(saved, plan.config))
        trainer.hooks.saved = saved.hooks
    if plan.accelerator.is_main_process:
        facts = {"effective_batch": plan.effective_batch, "num_processes": plan.accelerator.num_processes}
        run.start(plan.config, facts)
        if saved:
            trainer.notes = [*trainer.notes, *go_on_with_log(run.metrics, state.step, state.evaluated or 0, saved.log)]
        if trainer.data is not None:
            trainer.data.write()
    return trainer


def _plan(config: Config, run: RunFolder, device: torch.device | str | None) -> _Plan:
    require_sections(config)
    experiment = config.experiment
    assert experiment.training is not None, "they are required"
    assert experiment.data is not None and experiment.data.train is not None, "they are required"  # noqa: PT018
    settings, split = experiment.training, experiment.data.train
    accelerator = make_accelerator(settings.precision, device)
    if settings.precision == "fp16" and accelerator.device.type == "cpu":
        raise ConfigError(f"{config.origin('training.precision')}: training.precision: fp16 needs a GPU. Use bf16.")
    with all_problems(split, experiment.data.val), noted_warnings() as warnings:
        dataset = build_dataset(split)
    return _Plan(config, run, settings, split, accelerator, dataset, warnings)


def _load_weights(plan: _Plan, model: SegmentationModel, saved: SavedState | None) -> list[str]:
    """Loads the weights to start from, if any; returns lines that describe them."""
    source = plan.config.experiment.init_from
    if saved is not None:
        changed = changes(saved, plan.config, len(plan.dataset), plan.accelerator.num_processes)
        _load_resumed(plan, model, saved.folder)
        return [f"resumed from {saved.folder}", *changed]
    if source is not None:
        report = initialize_from(model, source, plan.config, plan.dataset.classes)
        return [f"initialized from {source}: {report}"]
    return list(frozen_at_random(plan.config))


def _load_resumed(plan: _Plan, model: SegmentationModel, folder: Path) -> None:
    difference = classes_differ(read_classes(folder), plan.dataset.classes)
    if difference:
        raise CheckpointError(
            f"{folder}: has other classes than the dataset ({difference}). Resume with the dataset it was made "
            f"with, or start a new training with init_from={folder}, which keeps what it knows of classes by name."
        )
    report = load_fitting(model, read_weights(folder))
    if not report.complete:
        raise CheckpointError(
            f"{folder}: does not fit the model of {plan.config.path}: {report}. Resume with the config it was made "
            f"with, or start a new training with init_from={folder}."
        )


def _trainer(
    plan: _Plan, model: SegmentationModel, state: TrainingState, notes: list[str], seed: int | None
) -> Trainer:
    config, settings, accelerator, classes = plan.config, plan.settings, plan.accelerator, plan.dataset.classes
    validation = _validation(plan, model)
    data = _data_summary(plan, model, validation, state.step)
    if settings.sync_batch_norm:
        notes = [*notes, *synchronize_batch_norms(model, accelerator.num_processes, accelerator.device)]
    if settings.compile:
        compile_parts(model)
    reporter = _reporter(plan, state.step)
    hooks = build_hooks(settings.hooks, model)
    return Trainer(
        model,
        build_criterion(config, classes),
        build_optimizer(settings.optimizer, model),
        build_schedule(settings.schedule),
        _batches(plan, model, after=state.step),
        LoopSettings.of(settings, evaluate_start=config.experiment.init_from is not None, seed=seed),
        accelerator=accelerator,
        state=state,
        evaluate=_evaluation(plan, validation, data),
        checkpoints=Checkpoints(plan.run, config, classes, accelerator, settings.keep_checkpoints),
        reporter=reporter,
        hooks=hooks,
        notes=[_introduction(plan, model), *unreached(config), *repeated_datasets(config), *notes],
        data=data,
        bad_samples=_bad_samples(plan, state, reporter),
    )


def _reporter(plan: _Plan, start: int) -> Reporter:
    return Reporter(
        plan.settings.steps,
        start,
        metrics_file=plan.run.metrics,
        active=plan.accelerator.is_main_process,
        log_classes=plan.settings.log_classes,
    )


def _batches(plan: _Plan, model: SegmentationModel, after: int) -> Iterable[LoadedBatch]:
    start_pass = partial(
        training_batches,
        plan.settings,
        plan.split,
        plan.dataset,
        model.size_divisor,
        after=after,
        rank=plan.accelerator.process_index,
        num_processes=plan.accelerator.num_processes,
        repeat_factors=plan.repeat_factors,
    )
    return Batches(start_pass)


def _bad_samples(plan: _Plan, state: TrainingState, reporter: Reporter) -> BadSamples | None:
    """Returns what watches for bad samples, where they are replaced."""
    if plan.split.on_bad_sample == "stop":
        return None
    return BadSamples(state, len(plan.dataset), plan.accelerator, reporter)


def _validation(plan: _Plan, model: SegmentationModel) -> Validation | None:
    """Returns `data.val` with its evaluators; None where the config has no such section."""
    config, accelerator = plan.config, plan.accelerator
    if config.experiment.data is None or config.experiment.data.val is None:
        return None
    with all_problems(plan.split, config.experiment.data.val):
        validation = Validation(
            config,
            plan.dataset.classes,
            model.size_divisor,
            rank=accelerator.process_index,
            num_processes=accelerator.num_processes,
        )
    require_pixel_format(model, validation.dataset, validation.transforms, "data.val")
    check_best_metric(config, validation.metric_names())
    return validation


def _evaluation(plan: _Plan, validation: Validation | None, data: DataSummary) -> RunEvaluation | None:
    if validation is None:
        return None
    return RunEvaluation(validation, plan.run, plan.accelerator, plan.settings.precision, data)


def _data_summary(plan: _Plan, model: SegmentationModel, validation: Validation | None, start: int) -> DataSummary:
    """Looks at the data before the first step. All processes stop at the same errors."""
    skips_bad = plan.split.on_bad_sample == "skip"
    # A training that is often interrupted shall not read the same files again and again.
    look = partial(
        first_look,
        seconds=0 if start else SECONDS,
        rank=plan.accelerator.process_index,
        num_processes=plan.accelerator.num_processes,
    )
    if skips_bad:
        looks = {"data.train": sample_dataset(plan.dataset, "data.train", plan.split.timeout)}
    else:
        looks = {"data.train": look(plan.dataset, "data.train", plan.split)}
    if validation is not None:
        looks["data.val"] = look(validation.dataset, "data.val", validation.split)
    # Bad images that are skipped matter only where there are no others.
    refuse_bad({name: one for name, one in looks.items() if not (skips_bad and name == "data.train" and one.indices)})
    if validation is not None:
        validation.try_smallest(model, looks["data.val"].sizes)
    return DataSummary(
        looks["data.train"],
        looks.get("data.val"),
        built=[*plan.warnings, *(validation.warnings if validation else [])],
        path=plan.run.data_summary if plan.accelerator.is_main_process else None,
        start=start,
        num_queries=queries_to_match(plan.config),
        epoch_length=epoch_length(plan.repeat_factors) if plan.repeat_factors else len(plan.dataset),
        transformed=None
        if start
        else try_transforms(
            model, plan.dataset, looks["data.train"].indices, plan.split, plan.settings, plan.accelerator.num_processes
        ),
    )


def _introduction(plan: _Plan, model: SegmentationModel) -> str:
    parameters = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return (
        f"{plan.config.path} -> {plan.run.path}: {parameters / 1e6:.1f} M trainable parameters, "
        f"{counted(len(plan.dataset.classes), 'class')}, {counted(plan.effective_batch, 'image')} a step, "
        f"{plan.settings.precision} on {plan.accelerator.num_processes} x {plan.accelerator.device.type}"
    )
