"""What a training refuses once its parts are built, found without data and weights: for `segkit check`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from segkit.build import (
    build_evaluators,
    build_hooks,
    build_model,
    build_optimizer,
    build_part,
    build_postprocessors,
    build_schedule,
    build_transforms,
)
from segkit.checkpoint import find_checkpoint, read_classes
from segkit.classes import Classes
from segkit.config import Config
from segkit.config.nodes import join_path
from segkit.config.sections import Data, PartConfig, Split
from segkit.errors import ConfigError, SegkitError, suggest
from segkit.evaluation.loop import check_evaluators
from segkit.evaluation.pixel_formats import Section, require_transforms
from segkit.evaluation.tables import summary
from segkit.models._base import SegmentationModel
from segkit.registries import LOSSES, POSTPROCESSORS
from segkit.registries.registry import Registry
from segkit.runtime.batch_norm import synchronize_batch_norms
from segkit.training.initialization import read_class_map
from segkit.training.known_classes import known_classes, of_either_kind
from segkit.training.learning_rates import LearningRates
from segkit.types import pixel_format_of

T = TypeVar("T")

_PLACEHOLDERS = (Classes.make(["a", "b"], things=[True, False]), Classes.make(["c", "d", "e"]))
"""Class lists in the place of the dataset's, which is not read. What differs between them, depends on the classes."""


def refusals(config: Config, begun: bool = False) -> list[str]:
    """Builds what a config describes without its datasets and weights, and returns the problems, one line each.

    The model is built without memory. Names of classes are checked where the config lists the classes of its dataset;
    else they are left to the training.

    Args:
        config: A checked config.
        begun: Whether it is that of a run, whose start weights may be gone.

    Example:
        >>> from segkit.config import load_config
        >>> refusals(load_config("configs/quickstart.yaml", ["training.best_metric=mean_iuo"]))
        ["<command line>: training.best_metric: the evaluation has no metric 'mean_iuo'. Did you mean 'mean_iou'? It \
has: mean_iou, frequency_weighted_iou, pixel_accuracy, mean_accuracy, pq, sq, rq, pq_things, sq_things, rq_things, \
pq_stuff, sq_stuff, rq_stuff"]
    """
    found = _Refusals()
    experiment = config.experiment
    data = experiment.data
    model = found.of(lambda: _model(config))
    if data is not None:
        _add_transforms(found, data, model)
    if experiment.training is not None:
        found.of(lambda: require_sections(config))
        if not begun:
            _add_start_weights(found, config)
        if model is not None:
            _add_training(found, config, model)
    if data is not None and data.val is not None and experiment.evaluators:
        found.of(lambda: _check_evaluation(config))
    _add_class_names(found, config)
    return list(dict.fromkeys(found.lines))


def require_sections(config: Config) -> None:
    """Checks that a config has what a training needs.

    Raises:
        ConfigError: It has no `training`, `data.train` or `criterion`.
    """
    experiment = config.experiment
    if experiment.training is None:
        raise ConfigError(f"{config.path}: training: the section is missing. A training needs it.")
    if experiment.data is None or experiment.data.train is None:
        raise ConfigError(f"{config.path}: data.train: the section is missing. A training needs a dataset.")
    if experiment.criterion is None:
        raise ConfigError(f"{config.path}: criterion: a training needs losses, and the config has no `criterion`.")


def check_best_metric(config: Config, known: list[str]) -> None:
    """Checks that `training.best_metric` is one of the metrics.

    Raises:
        ConfigError: It is none of them.
    """
    training = config.experiment.training
    name = None if training is None else training.best_metric
    if name is not None and name not in known:
        raise ConfigError(
            f"{config.origin('training.best_metric')}: training.best_metric: the evaluation has no metric '{name}'."
            f"{suggest(name, known)} It has: {', '.join(known)}"
        )


class _Refusals:
    """Collects the problems of several parts."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def of(self, build: Callable[[], T]) -> T | None:
        """Returns what `build` returns, or None where it fails. What is no SegkitError may be due to placeholders."""
        try:
            return build()
        except SegkitError as error:
            self.lines += str(error).splitlines()
        except Exception:
            return None
        return None


def _add_transforms(found: _Refusals, data: Data, model: SegmentationModel | None) -> None:
    sections: tuple[tuple[Section, Split | None], ...] = (("data.train", data.train), ("data.val", data.val))
    for section, split in sections:
        if split is None:
            continue
        each = [found.of(partial(build_transforms, [transform])) for transform in split.transforms]
        if model is not None and None not in each:
            transforms = [one for built in each for one in built or []]
            found.of(partial(require_transforms, transforms, pixel_format_of(model), section))


def _model(config: Config) -> SegmentationModel:
    """Builds the model without memory, or where that fails, with random weights: not every part knows the first."""
    try:
        with torch.device("meta"):
            return build_model(config, _PLACEHOLDERS[0], initial_weights=False)
    except Exception:
        return build_model(config, _PLACEHOLDERS[0], initial_weights=False)


def _add_training(found: _Refusals, config: Config, model: SegmentationModel) -> None:
    settings = config.experiment.training
    assert settings is not None, "the caller has looked"
    if settings.sync_batch_norm:
        found.of(lambda: synchronize_batch_norms(model, 1, torch.device("cpu")))
    found.of(lambda: build_hooks(settings.hooks, model))
    optimizer = found.of(lambda: build_optimizer(settings.optimizer, model))
    schedule = found.of(lambda: build_schedule(settings.schedule))
    if optimizer is not None and schedule is not None:
        found.of(lambda: LearningRates(optimizer, schedule, settings.steps, model))


def _add_start_weights(found: _Refusals, config: Config) -> None:
    source = config.experiment.init_from
    folder = found.of(lambda: find_checkpoint(source)) if source is not None else None
    if folder is not None and config.experiment.class_map:
        found.of(lambda: read_class_map(folder, config, read_classes(folder).names, known_classes(config)))
    _add_missing_weights(found, config, config.experiment.model, "model")


def _add_missing_weights(found: _Refusals, config: Config, part: PartConfig, path: str) -> None:
    """Finds settings `weights` whose file does not exist, in a part and those inside it."""
    for name, value in part.items():
        here = join_path(path, name)
        if isinstance(value, dict) and "type" in value:
            _add_missing_weights(found, config, value, here)
        elif name == "weights" and isinstance(value, str) and not Path(value).exists():
            found.lines.append(f"{config.origin(here)}: {here}: there is no file '{value}'. Correct the path.")


def _add_class_names(found: _Refusals, config: Config) -> None:
    """Finds settings of losses and postprocessors that name a class which the dataset lacks."""
    names = known_classes(config)
    if names is None:
        return
    lists = of_either_kind(names)
    builds: list[Callable[[Classes], object]] = [
        partial(_build_with, POSTPROCESSORS, part) for part in config.experiment.postprocessors
    ]
    criterion = config.experiment.criterion
    # A training replaces `auto` before it builds the loss.
    losses = [] if criterion is None else [one for one in criterion.losses if one.get("class_weights") != "auto"]
    builds += [partial(_build_with, LOSSES, loss) for loss in losses]
    for build in builds:
        tries = [_Refusals(), _Refusals()]
        for attempt, classes in zip(tries, lists, strict=True):
            attempt.of(partial(build, classes))
        found.lines += [line for line in tries[0].lines if line in tries[1].lines]


def _build_with(registry: Registry[Any], part: PartConfig, classes: Classes) -> object:
    return build_part(registry, part, {"classes": classes})


def _check_evaluation(config: Config) -> None:
    try:
        known = [set(_metric_names(config, classes)) for classes in _PLACEHOLDERS]
        parts = build_postprocessors(config, _PLACEHOLDERS[0]), build_evaluators(config, _PLACEHOLDERS[0])
    except SegkitError:  # a setting that names classes
        return
    check_evaluators(*parts)
    if known[0] == known[1]:
        check_best_metric(config, _metric_names(config, _PLACEHOLDERS[0]))


def _metric_names(config: Config, classes: Classes) -> list[str]:
    evaluators = build_evaluators(config, classes)  # metrics of no image: only their names count
    return list(summary({name: evaluator.compute() for name, evaluator in evaluators.items()}))
