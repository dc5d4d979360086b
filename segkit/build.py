"""Builds objects from a checked config: the only place where parts meet and sizes flow.

A part's parameters before `*` are filled with what is known so far: the classes, and what the parts built before it
publish. A parameter named like a kind is a nested part, built from the mapping of that name.
"""

import inspect
from collections.abc import Mapping
from functools import partial
from typing import TypeVar, cast

import torch
from torch import nn

from segkit.classes import Classes
from segkit.config import Config, ConfigSource, as_config
from segkit.config.arguments import check_arguments
from segkit.config.channels import channels_of
from segkit.config.schema import part_settings
from segkit.config.sections import PartConfig, Split, TrainingSplit
from segkit.criterion import Criterion, WeightedLoss
from segkit.data.limit import limited
from segkit.data.problems import call_all
from segkit.errors import ConfigError
from segkit.layers.freezing import freeze, frozen_part
from segkit.models._base import SegmentationModel
from segkit.ops.points import PointSampling
from segkit.registries import (
    DATASETS,
    EVALUATORS,
    HOOKS,
    LOSSES,
    MATCHERS,
    MODELS,
    OPTIMIZERS,
    POSTPROCESSORS,
    SCHEDULES,
    TRANSFORMS,
    Dataset,
    Evaluator,
    Hook,
    NormalizedModel,
    Postprocessor,
    Schedule,
    Transform,
)
from segkit.registries.contract import check_contract, properties_of, published
from segkit.registries.registry import Registry
from segkit.registries.signature import before_star

P = TypeVar("P")
"""The contract of the built part."""


def build_part(registry: Registry[P], config: PartConfig, known: Mapping[str, object] | None = None) -> P:
    """Builds the part that `config` names, with its nested parts.

    Args:
        registry: Of the part's kind.
        config: `type` and the part's settings.
        known: The values that the part may ask for before `*`.

    Raises:
        RegistryError: the built part breaks the contract of its kind.

    Example:
        >>> from segkit.registries import SCHEDULES
        >>> schedule = build_part(SCHEDULES, {"type": "poly", "power": 1.0})
        >>> schedule(5, 10)
        0.5
    """
    part = registry.get(config["type"])
    known = dict(known or {})
    arguments = {
        name: value for name, value in config.items() if name != "type" and name not in registry.outer_settings
    }
    # In the order of the signature: each nested part may ask for what those before it publish.
    for parameter in before_star(part):
        nested = registry.nests.get(parameter)
        if parameter == registry.plural:
            arguments[parameter] = call_all(partial(build_part, registry, item, known) for item in arguments[parameter])
        elif parameter in known:
            arguments[parameter] = known[parameter]
        elif nested is not None and arguments.get(parameter) is not None:  # an optional nested part may be absent
            inner = build_part(nested, arguments[parameter], known)
            known |= {name: getattr(inner, name) for name in published(nested)}
            arguments[parameter] = inner
    built = part(**arguments)
    check_contract(registry, config["type"], built)
    if "frozen" in registry.common_settings and config.get("frozen"):
        freeze(frozen_part(cast(nn.Module, built)))
    return built


def build_model(
    config: ConfigSource, classes: Classes | None = None, initial_weights: bool = True
) -> SegmentationModel:
    """Builds the model of a config, with random weights except where its backbone sets `pretrained` or `weights`.

    Args:
        config: A config, or what `segkit.load_config` takes: a YAML file, a run or checkpoint folder, a dict.
        classes: Of the dataset; by default those of the config's dataset, whose files must then exist.
        initial_weights: False if a checkpoint is loaded next: then no initial weights are fetched or read.

    Example:
        >>> import segkit
        >>> model = segkit.build_model("configs/quickstart.yaml")
        >>> model.size_divisor
        16
    """
    config = as_config(config)
    classes = classes or dataset_classes(config)
    part = config.experiment.model
    known = {"num_classes": len(classes), "channels": channels_of(part)}
    model = build_part(MODELS, part if initial_weights else _without_weights(part), known)
    return cast(SegmentationModel, model)  # the contract check has made sure of both halves of the type


def with_pixel_values(config: Config, model: nn.Module) -> Config:
    """Returns the config with the pixel mean and deviation that its model normalizes images with.

    A saved config names them: what a backbone's weights were trained with may change with the version of its package.
    """
    known = part_settings(MODELS, MODELS.get(config.experiment.model["type"]))
    names = [name for name in properties_of(NormalizedModel) if name in known and hasattr(model, name)]
    values = {name: list(getattr(model, name)) for name in names}
    return config.completed("model", values, "<backbone>")


def _without_weights(part: PartConfig) -> PartConfig:
    """`part` and its nested parts without the settings that load initial weights."""
    kept = {name: value for name, value in part.items() if name not in ("pretrained", "weights")}
    return {
        name: _without_weights(value) if isinstance(value, dict) and "type" in value else value
        for name, value in kept.items()
    }


def num_queries_of(part: PartConfig, registry: Registry[object] = MODELS) -> int | None:
    """Returns the setting `num_queries` of a model or of a part inside it, its default included; None without one.

    Example:
        >>> num_queries_of({"type": "mask_former", "transformer_decoder": {"type": "standard"}})
        100
    """
    signature = inspect.signature(registry.get(part["type"]))  # read without building the model
    if "num_queries" in signature.parameters:
        value = part.get("num_queries", signature.parameters["num_queries"].default)
        return value if isinstance(value, int) else None
    inner = [(part.get(name), nested) for name, nested in registry.nests.items() if name in signature.parameters]
    found = (num_queries_of(nested_part, nested) for nested_part, nested in inner if isinstance(nested_part, dict))
    return next((number for number in found if number is not None), None)


def queries_to_match(config: Config) -> int | None:
    """Returns the number of queries that a config matches to segments, one to each; None where nothing is matched."""
    criterion = config.experiment.criterion
    if criterion is None or criterion.matcher is None:
        return None
    return num_queries_of(config.experiment.model)


def dataset_classes(config: Config) -> Classes:
    """Returns the classes of the config's dataset, the training one if there are two.

    Raises:
        ConfigError: the config names no dataset.
    """
    data = config.experiment.data
    parts = [split.dataset for split in (data and data.train, data and data.val) if split and split.dataset]
    if not parts:
        raise ConfigError(f"{config.path}: data: the classes come from the dataset, and the config names none.")
    return build_part(DATASETS, parts[0]).classes


def build_dataset(split: Split) -> Dataset:
    """Builds the dataset of a split, cut to its `limit`. Warns where the dataset has fewer images.

    Raises:
        ConfigError: the split has no dataset; the config of a converted checkpoint only describes the transforms.
    """
    if split.dataset is None:
        raise ConfigError(
            "data: this split has transforms but no `dataset`, as in the config of a converted checkpoint. Name the "
            "dataset to read, for example with data.val.dataset.type=mask_folder."
        )
    dataset = build_part(DATASETS, split.dataset)
    section = "data.train" if isinstance(split, TrainingSplit) else "data.val"
    return dataset if split.limit is None else limited(dataset, split.limit, section)


def build_transforms(transforms: list[PartConfig]) -> list[Transform]:
    """Builds the transforms of a split, in order."""
    return [build_part(TRANSFORMS, transform) for transform in transforms]


def build_criterion(config: Config, classes: Classes) -> Criterion:
    """Builds matcher, losses and their weights.

    Raises:
        ConfigError: the config has no criterion.
    """
    section = config.experiment.criterion
    if section is None:
        raise ConfigError(f"{config.path}: criterion: a training needs losses, and the config has no `criterion`.")
    names = _distinct([loss["type"] for loss in section.losses])
    losses = [
        WeightedLoss(name, build_part(LOSSES, loss, {"classes": classes}), loss.get("weight", 1.0))
        for name, loss in zip(names, section.losses, strict=True)
    ]
    matcher = None if section.matcher is None else build_part(MATCHERS, section.matcher)
    points = None
    if section.points is not None:
        points = PointSampling(section.points, section.oversample_ratio, section.importance_ratio)
    return Criterion(losses, matcher, section.deep_supervision, section.void == "ignore", points, section.compile)


def _distinct(names: list[str]) -> list[str]:
    """`names` with a number appended to each repetition."""
    return [name if name not in names[:index] else f"{name}_{index}" for index, name in enumerate(names)]


def build_postprocessors(config: Config, classes: Classes) -> dict[str, Postprocessor]:
    """Builds the postprocessors, by type."""
    return {
        part["type"]: build_part(POSTPROCESSORS, part, {"classes": classes})
        for part in config.experiment.postprocessors
    }


def build_postprocessor(
    config: Config, classes: Classes, name: str, settings: Mapping[str, object] | None = None
) -> Postprocessor:
    """Builds one postprocessor with the settings in the config, or with its defaults if the config does not name it.

    Args:
        config: A checked config.
        classes: Of the model.
        name: The postprocessor's type.
        settings: Replace those of the config.

    Raises:
        RegistryError: there is no such postprocessor.
        ConfigError: it has no such setting, or a value is not allowed.
    """
    settings = settings or {}
    known = part_settings(POSTPROCESSORS, POSTPROCESSORS.get(name))
    for setting in settings:
        if setting not in known:
            raise ConfigError(
                f"{setting}: postprocessor '{name}' has no such setting, so it would have no effect. Leave it out."
            )
    # These values come from Python or the command line, so no config check has seen them.
    check_arguments(**{setting: (value, known[setting].annotation()) for setting, value in settings.items()})
    configured = {part["type"]: part for part in config.experiment.postprocessors}
    part = {**configured.get(name, {"type": name}), **settings}
    return build_part(POSTPROCESSORS, part, {"classes": classes})


def build_evaluators(config: Config, classes: Classes) -> dict[str, Evaluator]:
    """Builds fresh evaluators, by type."""
    return {part["type"]: build_part(EVALUATORS, part, {"classes": classes}) for part in config.experiment.evaluators}


def build_optimizer(part: PartConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Builds the optimizer of a model's parameters."""
    return build_part(OPTIMIZERS, part, {"model": model})


def build_schedule(part: PartConfig) -> Schedule:
    """Builds the schedule of the learning rate."""
    return build_part(SCHEDULES, part)


def build_hooks(parts: list[PartConfig], model: nn.Module) -> dict[str, Hook]:
    """Builds the hooks of a training, by type, with a number where a type is repeated.

    They may change the model, for example freeze a part of it. So the optimizer is built after them.
    """
    names = _distinct([part["type"] for part in parts])
    hooks: dict[str, Hook] = {name: build_part(HOOKS, part) for name, part in zip(names, parts, strict=True)}
    for hook in hooks.values():
        hook.on_model(model)
    return hooks
