"""A checked config becomes objects: the only place where parts meet and sizes flow.

A part's parameters before `*` are filled from what is known so far: the class list, and what the parts built before it
publish. A parameter named like a kind is a part of its own, built from the mapping of that name.
"""

import inspect
from typing import Any

import torch
from torch import nn

from segkit.classes import Classes
from segkit.config import Config
from segkit.config.sections import PartConfig, Split
from segkit.criterion.criterion import Criterion, WeightedLoss
from segkit.data.loading import Limit
from segkit.errors import ConfigError
from segkit.ops.points import PointSampling
from segkit.registries import (
    DATASETS,
    EVALUATORS,
    LOSSES,
    MATCHERS,
    MODELS,
    OPTIMIZERS,
    POSTPROCESSORS,
    SCHEDULES,
    TRANSFORMS,
)
from segkit.registries.contract import PUBLISHED, check_contract
from segkit.registries.registry import Registry


def build_part(registry: Registry, config: PartConfig, known: dict[str, Any] | None = None) -> Any:
    """The part that `config` names, with its settings, nested parts and, from `known`, what it asks for before `*`.

    Raises RegistryError where what is built breaks the contract of its kind.
    """
    part = registry.get(config["type"])
    known = dict(known or {})
    arguments = {name: value for name, value in config.items() if name != "type" and name not in registry.item_settings}
    for parameter in inspect.signature(part).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            continue
        nested = registry.nests.get(parameter.name)
        if nested is None:
            arguments[parameter.name] = known[parameter.name]
        elif arguments.get(parameter.name) is not None:
            built = build_part(nested, arguments[parameter.name], known)
            known |= {name: getattr(built, name) for name in PUBLISHED.get(nested.kind, {})}
            arguments[parameter.name] = built
    built = part(**arguments)
    check_contract(registry, config["type"], built)
    return built


def build_model(config: Config, classes: Classes | None = None, initial_weights: bool = True) -> nn.Module:
    """The model of a config with random weights, but where its backbone says `pretrained` or `weights`.

    Args:
        classes: of the data set; by default those of the data set that the config names, which must then be there.
        initial_weights: False where a checkpoint is to be loaded next: nothing is fetched or read.
    """
    classes = classes or dataset_classes(config)
    part = config.experiment.model
    model: nn.Module = build_part(
        MODELS, part if initial_weights else _without_weights(part), {"num_classes": len(classes)}
    )
    return model


def _without_weights(part: PartConfig) -> PartConfig:
    """`part` and its nested parts with no setting that loads initial weights."""
    kept = {name: value for name, value in part.items() if name not in ("pretrained", "weights")}
    return {
        name: _without_weights(value) if isinstance(value, dict) and "type" in value else value
        for name, value in kept.items()
    }


def class_tensors(config: Config, classes: Classes) -> set[str]:
    """Names of the model's tensors whose shape depends on the number of classes: its class head."""
    shapes = []
    for num_classes in (len(classes), len(classes) + 1):
        with torch.device("meta"):
            model = build_part(MODELS, _without_weights(config.experiment.model), {"num_classes": num_classes})
        shapes.append({name: tensor.shape for name, tensor in model.state_dict().items()})
    return {name for name, shape in shapes[0].items() if shapes[1].get(name) != shape}


def dataset_classes(config: Config) -> Classes:
    """The class list of the config's data set, the training one first."""
    data = config.experiment.data
    parts = [split.dataset for split in (data and data.train, data and data.val) if split and split.dataset]
    if not parts:
        raise ConfigError(f"{config.path}: data: the class list comes from the data set, and the config names none.")
    classes: Classes = build_part(DATASETS, parts[0]).classes
    return classes


def build_dataset(split: Split) -> Any:
    """Raises ConfigError where the split says only how images are prepared."""
    if split.dataset is None:
        raise ConfigError(
            "data: a split without a `dataset` says only how images are prepared, as the config of an imported "
            "checkpoint does. Name the data set that is to be read, for example with data.val.dataset.type=mask_folder."
        )
    dataset = build_part(DATASETS, split.dataset)
    return dataset if split.limit is None else Limit(dataset, split.limit)


def build_transforms(transforms: list[PartConfig]) -> list[Any]:
    return [build_part(TRANSFORMS, transform) for transform in transforms]


def build_criterion(config: Config, classes: Classes) -> Criterion:
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
    """`names` with a number behind those that come again."""
    return [name if name not in names[:index] else f"{name}_{index}" for index, name in enumerate(names)]


def build_postprocessors(config: Config, classes: Classes) -> dict[str, Any]:
    """By type."""
    return {
        part["type"]: build_part(POSTPROCESSORS, part, {"classes": classes})
        for part in config.experiment.postprocessors
    }


def build_evaluators(config: Config, classes: Classes) -> dict[str, Any]:
    """By type."""
    return {part["type"]: build_part(EVALUATORS, part, {"classes": classes}) for part in config.experiment.evaluators}


def build_optimizer(part: PartConfig, model: nn.Module) -> torch.optim.Optimizer:
    optimizer: torch.optim.Optimizer = build_part(OPTIMIZERS, part, {"model": model})
    return optimizer


def build_schedule(part: PartConfig) -> Any:
    return build_part(SCHEDULES, part)
