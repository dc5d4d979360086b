"""Every config of the package is checked and builds its parts on the meta device, where tensors have no values."""

import re
from pathlib import Path

import pytest
import torch

from segkit.build import build_criterion, build_model, build_optimizer, build_schedule, build_transforms
from segkit.classes import Classes
from segkit.config import load_config

CONFIGS = Path(__file__).parents[1] / "configs"
COMPLETE = sorted(CONFIGS.glob("*.yaml"))
CLASSES = Classes.make([f"class {index}" for index in range(133)])

each_config = pytest.mark.parametrize("file", COMPLETE, ids=lambda file: file.stem)


@each_config
def test_it_builds(file):
    config = load_config(file)
    with torch.device("meta"):
        model = build_model(config, CLASSES, initial_weights=False)
    build_criterion(config, CLASSES)
    training, data = config.experiment.training, config.experiment.data
    optimizer = build_optimizer(training.optimizer, model)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(model.parameters()))
    factors = build_schedule(training.schedule)(training.steps - 1, training.steps)
    assert all(factor < 0.1 for factor in (factors.values() if isinstance(factors, dict) else [factors]))
    build_transforms(data.train.transforms)
    build_transforms(data.val.transforms)


@each_config
def test_its_header_says_how_it_is_launched(file):
    header = re.match(r"(#.*\n)+", file.read_text(encoding="utf-8"))
    assert header is not None
    assert f"#   segkit train configs/{file.name}" in header[0]


@pytest.mark.parametrize("file", sorted((CONFIGS / "base").glob("*.yaml")), ids=lambda file: file.stem)
def test_each_fragment_is_used(file):
    assert any(f"base/{file.name}" in other.read_text(encoding="utf-8") for other in COMPLETE)


@pytest.mark.parametrize(("size", "parameters", "rates"), [("small", 24, 12), ("large", 317, 24)])
def test_the_rates_are_the_originals(size, parameters, rates):
    """The last block, the body's norm and all that is new learn at the full rate, each block before at 0.8 of it."""
    config = load_config(CONFIGS / f"coco_panoptic_{size}.yaml")
    with torch.device("meta"):
        model = build_model(config, CLASSES, initial_weights=False)
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6) == parameters
    optimizer = build_optimizer(config.experiment.training.optimizer, model)
    rate_of = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    named = {name: rate_of[id(parameter)] for name, parameter in model.named_parameters()}
    blocks = [named[f"body.transformer.blocks.{index}.attn.proj.weight"] for index in range(rates)]
    assert blocks == pytest.approx([1e-4 * 0.8 ** (rates - 1 - index) for index in range(rates)])
    assert named["body.transformer.patch_embed.proj.weight"] == pytest.approx(blocks[0])
    assert named["body.transformer.norm.weight"] == named["queries.weight"] == pytest.approx(1e-4)


def test_the_package_names_them():
    assert Path(load_config("segkit-eomt://example.yaml").path) == CONFIGS / "example.yaml"
