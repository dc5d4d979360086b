"""From config to objects: what flows between parts, and what is said where a section is missing."""

import re
import warnings

import pytest
import torch
from torch import nn

from segkit import build
from segkit.build import (
    build_criterion,
    build_dataset,
    build_evaluators,
    build_model,
    build_optimizer,
    build_part,
    build_postprocessors,
    build_schedule,
    build_transforms,
    dataset_classes,
    num_queries_of,
)
from segkit.classes import Classes
from segkit.config import load_config
from segkit.config.sections import Split, TrainingSplit
from segkit.errors import ConfigError, RegistryError
from segkit.ops.points import PointSampling
from segkit.registries import DATASETS, LOSSES, PIXEL_DECODERS
from segkit.registries.registry import Registry
from segkit.types import Feature
from tests.helpers.tiny import write_tiny

CLASSES = Classes.make(["a", "b", "c"], things=[True, True, False])


@pytest.fixture
def config(tmp_path):
    return load_config(write_tiny(tmp_path))


def without(tmp_path, section):
    """The tiny config with one section left out."""
    file = write_tiny(tmp_path)
    lines = file.read_text().splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{section}:"))
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith((" ", "\n"))), len(lines))
    file.write_text("".join(lines[:start] + lines[end:]))
    return load_config(file)


def test_sizes_flow_from_part_to_part(config):
    model = build_model(config, CLASSES)
    assert model.backbone.features == [Feature(128, 8), Feature(256, 16)]
    assert [lateral[0].in_channels for lateral in model.pixel_decoder.laterals] == [128]
    assert model.pixel_decoder.outputs[-1][0].in_channels == 256
    assert model.transformer_decoder.input_projection.in_channels == 256
    assert model.transformer_decoder.mask_head[-1].out_features == model.pixel_decoder.mask_dim == 16
    assert model.transformer_decoder.class_head.out_features == len(CLASSES) + 1
    assert model.size_divisor == 16


def test_the_memory_of_a_transformer_fpn_flows_on(tmp_path):
    config = load_config(write_tiny(tmp_path, "mask_former with transformer_fpn"))
    model = build_model(config, CLASSES)
    assert model.pixel_decoder.input_projection.in_channels == 256
    assert isinstance(model.transformer_decoder.input_projection, nn.Identity)


def test_an_optional_part_may_be_absent(tmp_path):
    model = build_model(load_config(write_tiny(tmp_path, "per_pixel")), CLASSES)
    assert model.transformer_decoder is None
    assert model.classifier.out_channels == len(CLASSES)


def test_the_class_list_comes_from_the_dataset(config):
    assert dataset_classes(config).names[0] == "sky"
    assert build_model(config).transformer_decoder.class_head.out_features == 8 + 1


def test_the_class_list_may_come_from_the_validation_data(tmp_path):
    file = write_tiny(tmp_path)
    file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith("  train:")))
    assert len(dataset_classes(load_config(file))) == 8


@pytest.mark.parametrize("function", [dataset_classes, build_model])
def test_without_data_there_is_no_class_list(tmp_path, function):
    config = without(tmp_path, "data")
    with pytest.raises(ConfigError) as caught:
        function(config)
    assert str(caught.value) == (
        f"{tmp_path}/tiny.yaml: data: the classes come from the dataset, and the config names none."
    )


def test_without_criterion_there_are_no_losses(tmp_path):
    config = without(tmp_path, "criterion")
    with pytest.raises(ConfigError) as caught:
        build_criterion(config, CLASSES)
    assert str(caught.value) == (
        f"{tmp_path}/tiny.yaml: criterion: a training needs losses, and the config has no `criterion`."
    )


def test_losses_have_their_weights_and_names(tmp_path):
    losses = "[{type: focal, weight: 20}, {type: cross_entropy, no_object_weight: 0.5}, {type: focal, alpha: 0.5}]"
    config = load_config(write_tiny(tmp_path), [f"criterion.losses={losses}", "criterion.void=ignore"])
    criterion = build_criterion(config, CLASSES)
    assert [(one.name, one.weight) for one in criterion.losses] == [
        ("focal", 20.0), ("cross_entropy", 1.0), ("focal_2", 1.0)
    ]  # fmt: skip
    assert criterion.losses[1].loss.weights.tolist() == [1, 1, 1, 0.5]
    assert criterion.ignore_void
    assert criterion.deep_supervision


def test_how_masks_are_scored(tmp_path):
    file = write_tiny(tmp_path)
    criterion = build_criterion(load_config(file), CLASSES)
    assert criterion.points is None
    overrides = ["criterion.points=50", "criterion.importance_ratio=0.5", "criterion.matcher.num_points=20"]
    criterion = build_criterion(load_config(file, overrides), CLASSES)
    assert criterion.points == PointSampling(50, oversample_ratio=3.0, importance_ratio=0.5)
    assert criterion.matcher.num_points == 20


def test_wrong_numbers_of_points_are_refused(tmp_path):
    overrides = ["criterion.points=0", "criterion.oversample_ratio=0.5", "criterion.importance_ratio=2"]
    with pytest.raises(ConfigError) as caught:
        load_config(write_tiny(tmp_path), overrides)
    assert str(caught.value).splitlines() == [
        "<command line>: criterion.points: must be at least 1, not 0.",
        "<command line>: criterion.oversample_ratio: must be at least 1, not 0.5.",
        "<command line>: criterion.importance_ratio: must be at most 1, not 2.",
    ]


def test_postprocessors_and_evaluators_know_the_classes(config):
    postprocessors, evaluators = build_postprocessors(config, CLASSES), build_evaluators(config, CLASSES)
    assert list(postprocessors) == ["semantic", "panoptic"]
    assert list(evaluators) == ["mean_iou", "panoptic_quality"]
    assert list(evaluators["mean_iou"].compute().per_class["iou"]) == list(CLASSES.names)


def test_a_limit_keeps_the_first_images():
    part = {"type": "shapes", "length": 5}
    limited, whole = build_dataset(Split(dataset=part, limit=2)), build_dataset(Split(dataset=part))
    assert (len(limited), len(whole)) == (2, 5)
    assert limited.classes == whole.classes
    assert torch.equal(limited[1].image, whole[1].image)


@pytest.mark.parametrize(("split", "key"), [(Split, "data.val.limit"), (TrainingSplit, "data.train.limit")])
def test_a_limit_beyond_the_dataset_is_told(split, key):
    message = f"{key}: 9 has no effect: the dataset has 5 images. Remove it, or lower it."
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        assert len(build_dataset(split(dataset={"type": "shapes", "length": 5}, limit=9))) == 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_dataset(split(dataset={"type": "shapes", "length": 5}, limit=5))


def test_optimizer_schedule_and_transforms(config):
    model = build_model(config, CLASSES)
    optimizer = build_optimizer(config.experiment.training.optimizer, model)
    taken = sum(parameter.numel() for group in optimizer.param_groups for parameter in group["params"])
    assert taken == sum(parameter.numel() for parameter in model.parameters())
    assert build_schedule({"type": "poly", "power": 1.0})(5, 10) == 0.5
    assert [type(one).__name__ for one in build_transforms([{"type": "random_flip"}])] == ["RandomFlip"]
    assert build_transforms([]) == []


def test_a_part_gets_what_it_asks_for_and_no_more():
    part = build_part(LOSSES, {"type": "cross_entropy", "weight": 3.0}, {"classes": CLASSES, "model": None})
    assert len(part.weights) == 4
    assert build_part(LOSSES, {"type": "dice"}, {"classes": CLASSES}).input_type == "masks"
    assert len(build_part(DATASETS, {"type": "shapes", "length": 3})) == 3


def test_nested_parts_of_a_foreign_model_are_built_in_order():
    kinds = Registry("model", "models_of_a_test", injected=("num_classes",), nests=(PIXEL_DECODERS,))

    @kinds.register("bare")
    class Bare(nn.Module):
        size_divisor = 1

        def __init__(self, pixel_decoder, num_classes, *, width: int = 1):
            super().__init__()
            self.taken = pixel_decoder.mask_dim, num_classes, width

    config = {"type": "bare", "pixel_decoder": {"type": "fpn", "hidden_dim": 8, "mask_dim": 6}, "width": 2}
    assert build_part(kinds, config, {"features": [Feature(4, 4)], "num_classes": 3}).taken == (6, 3, 2)


def test_an_unknown_part_is_told():
    with pytest.raises(RegistryError, match=r"^there is no dataset 'shape'\. Did you mean 'shapes'\?"):
        build_part(DATASETS, {"type": "shape"})


@pytest.mark.parametrize("setting", ["pretrained: true", "weights: /nowhere/resnet18.safetensors"])
def test_no_weights_are_read_where_a_checkpoint_follows(tmp_path, monkeypatch, setting):
    file = write_tiny(tmp_path)
    file.write_text(file.read_text().replace("name: resnet18,", f"name: resnet18, {setting},"))
    seen = []
    original = build.build_part
    monkeypatch.setattr(build, "build_part", lambda *given: seen.append(given[1]) or original(*given))
    build_model(load_config(file), CLASSES, initial_weights=False)
    assert all("pretrained" not in part and "weights" not in part for part in seen)


@pytest.mark.parametrize(
    ("part", "number"),
    [
        ({"type": "mask_former", "transformer_decoder": {"type": "standard"}}, 100),
        ({"type": "mask_former", "transformer_decoder": {"type": "standard", "num_queries": 7}}, 7),
        ({"type": "per_pixel", "backbone": {"type": "timm", "name": "resnet18"}}, None),
    ],
)
def test_the_number_of_queries_is_that_of_the_config_or_the_default(part, number):
    assert num_queries_of(part) == number
