"""Random values of the annotated types: a config of real parts builds and runs, or is refused with an error message."""

import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segkit.build import (
    build_criterion,
    build_dataset,
    build_evaluators,
    build_model,
    build_optimizer,
    build_postprocessors,
    build_schedule,
    build_transforms,
    dataset_classes,
)
from segkit.config import Config, load_config
from segkit.config.schema import Setting, item_settings, part_settings, section_settings
from segkit.config.sections import Experiment
from segkit.config.source import inline
from segkit.errors import ConfigError, SegkitError
from tests.helpers.tiny import tiny_yaml

LOCATED = re.compile(r"(<command line>|tiny\.yaml:\d+): \S")
TRANSFORMS = "[{type: random_scale, size: [64, 64]}, {type: random_crop, size: [32, 32]}, {type: random_flip}, \
{type: photometric_distortion}, {type: pad, size: [64, 64]}]"
FETCHED = ("pretrained", "weights")


@pytest.fixture(scope="module", autouse=True)
def here(tmp_path_factory):
    """A folder with the tiny configs, whose training data goes through every transform."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("mutations"))
        yield


def load(model: str, overrides: list[str]) -> Config:
    Path("tiny.yaml").write_text(tiny_yaml(model))
    return load_config("tiny.yaml", [f"data.train.transforms={TRANSFORMS}", *overrides])


def settings_of(config: Config) -> list[tuple[str, Any]]:
    """Returns the dotted path and the annotation of every setting of the config's sections and parts."""
    found: list[tuple[str, Any]] = []

    def visit(data: Any, path: str, known: dict[str, Any]) -> None:
        for name, setting in known.items():
            inner = f"{path}.{name}".lstrip(".")
            if setting.registry is None and setting.section is None and name not in FETCHED:
                found.append((inner, setting.annotation()))
            elif setting.section is not None and data.get(name):
                visit(data[name], inner, section_settings(setting.section))
            elif setting.registry is not None and data.get(name):
                items = enumerate(data[name]) if setting.many else [("", data[name])]
                for index, part in items:
                    visit(part, f"{inner}.{index}".rstrip("."), settings_of_part(setting, part))

    visit(config.data, "", section_settings(Experiment))
    return found


def settings_of_part(holder: Setting, part: dict[str, Any]) -> dict[str, Setting]:
    registry = holder.registry
    extra = item_settings(registry) if holder.many else {}
    return {**part_settings(registry, registry.get(part["type"])), **extra}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Makes values of the annotated type, mostly extreme ones, inside and outside the bounds."""
    base, inner = get_origin(hint) or hint, get_args(hint)
    scalars = {
        bool: [True, False],
        int: [-1, 0, 1, 2, 3, 8, 12, 64],
        float: [-1e300, -1.0, 0.0, 1e-300, 0.5, 1.0, 3.5, 1e300, float("inf")],
        str: ["", "é", "sky", "resnet18", "resnet26", "vit_tiny_patch16_224", "x" * 300],
        type(None): [None],
        Any: [0, -1, 1.5, "", "a", None, [], [0], {"a": 1}],
    }
    if hint in scalars:
        return st.sampled_from(scalars[hint])
    if base in (Union, types.UnionType):
        return st.one_of(*map(values_of, inner))
    if base is Annotated:
        return values_of(inner[0])
    if base is Literal:
        return st.sampled_from(inner)
    if base is tuple:
        return st.tuples(*map(values_of, inner)).map(list)
    if base is list:
        return st.lists(values_of(inner[0]), max_size=3)
    assert base is dict, hint
    keys = st.sampled_from(["sky", "out_indices", "drop_path_rate", "x"])
    return st.dictionaries(keys, values_of(inner[1]), max_size=2)


def build_all(config: Config) -> None:
    """Builds everything, and runs the model on a batch on torch's meta device."""
    classes = dataset_classes(config)
    with torch.device("meta"):
        model = build_model(config, classes)
        size = 2 * model.size_divisor
        prediction = model(torch.zeros(2, 3, size, size, dtype=torch.uint8), [(size, size), (size - 1, size)])
    assert prediction.layers
    build_criterion(config, classes)
    build_postprocessors(config, classes)
    build_evaluators(config, classes)
    experiment = config.experiment
    for split in (experiment.data.train, experiment.data.val):
        dataset = build_dataset(split)
        samples = [dataset[0]] if len(dataset) else []
        for transform in build_transforms(split.transforms):
            samples = [transform(sample) for sample in samples]
    build_optimizer(experiment.training.optimizer, model)
    schedule = build_schedule(experiment.training.schedule)
    factor = schedule(0, experiment.training.steps)
    assert all(one >= 0 for one in (factor.values() if isinstance(factor, dict) else [factor]))


def holds(model: str, overrides: list[str]) -> bool:
    """Tells whether everything builds; if not, each problem must have a location and a message."""
    problems = ""
    try:
        config = load(model, overrides)
    except ConfigError as error:
        problems = str(error)
    assert [line for line in problems.splitlines() if not LOCATED.match(line)] == []
    if problems:
        return False
    try:
        build_all(config)
    except SegkitError:
        return False
    return True


@st.composite
def changed(draw: st.DrawFn, model: str) -> list[str]:
    """Draws overrides that set some settings to values of their types."""
    every = settings_of(load(model, []))
    chosen = draw(st.lists(st.sampled_from(range(len(every))), min_size=1, max_size=2))
    return [f"{every[index][0]}={inline(draw(values_of(every[index][1])))}" for index in chosen]


@pytest.mark.parametrize("model", ["mask_former", "mask_former with transformer_fpn", "per_pixel with queries"])
@settings(
    max_examples=50,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_values_of_the_right_type_build_or_are_refused(model, data):
    holds(model, data.draw(changed(model)))


BOUNDS = {
    "model.transformer_decoder.num_queries=0": "must be at least 1, not 0.",
    "model.transformer_decoder.num_heads=0": "must be at least 1, not 0.",
    "model.transformer_decoder.num_layers=-1": "must be at least 1, not -1.",
    "model.transformer_decoder.dropout=1.5": "must be at most 1, not 1.5.",
    "model.pixel_decoder.hidden_dim=0": "must be at least 1, not 0.",
    "model.pixel_std=[1, 0, 1]": "must be more than 0, not 0.",
    "criterion.matcher.mask_cost=-1": "must be at least 0, not -1.",
    "criterion.losses.0.no_object_weight=1e300": "must be at most 1000000, not 1e+300.",
    "criterion.losses.0.class_weights={sky: -1}": "must be at least 0, not -1.",
    "criterion.losses.1.alpha=2": "must be at most 1, not 2.",
    "data.train.dataset.length=-1": "must be at least 0, not -1.",
    "data.train.transforms.0.min_factor=0": "must be more than 0, not 0.",
    "data.train.transforms.1.size=[0, 32]": "must be at least 1, not 0.",
    "data.train.transforms.1.max_category_share=0": "must be more than 0, not 0.",
    "data.train.transforms.2.probability=-0.1": "must be at least 0, not -0.1.",
    "data.train.transforms.3.hue=181": "must be at most 180, not 181.",
    "data.train.transforms.4.fill=[0, 65536, 0]": "must be at most 65535, not 65536.",
    "training.optimizer.lr=-1e-3": "must be at least 0, not -0.001.",
    "training.optimizer.betas=[0.9, 1]": "must be less than 1, not 1.",
    "training.schedule.warmup_steps=-1": "must be at least 0, not -1.",
}
INSIDE = {"pixel_std": ".1", "class_weights": ".sky", "size": ".0", "fill": ".1", "betas": ".1"}


@pytest.mark.parametrize("override", BOUNDS)
def test_a_number_out_of_bounds_is_refused_with_its_place(override):
    with pytest.raises(ConfigError) as caught:
        load("mask_former", [override])
    path = override.partition("=")[0]
    path += INSIDE.get(path.rpartition(".")[2], "")
    assert str(caught.value) == f"<command line>: {path}: {BOUNDS[override]}"


@pytest.mark.parametrize(
    ("model", "override", "part"),
    [
        ("mask_former", "model.transformer_decoder.num_heads=3", "transformer_decoder 'standard'"),
        ("mask_former with transformer_fpn", "model.pixel_decoder.num_heads=3", "pixel_decoder 'transformer_fpn'"),
    ],
)
def test_a_width_that_heads_cannot_divide_is_refused(model, override, part):
    with pytest.raises(ConfigError) as caught:
        build_all(load(model, [override]))
    assert str(caught.value) == (
        f"{part}: hidden_dim: must be a multiple of 4 and of num_heads, which is 3; 16 is not."
    )
