"""Every YAML under configs/ checks, builds and predicts, and its header has the command that launches it."""

import os
import re
from pathlib import Path

import pytest
import torch

from segkit.build import (
    build_criterion,
    build_evaluators,
    build_model,
    build_optimizer,
    build_postprocessors,
    build_schedule,
    build_transforms,
    dataset_classes,
)
from segkit.classes import Classes
from segkit.config import load_config
from segkit.errors import ConfigError, DataError
from segkit.evaluation.loop import check_evaluators

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(path.relative_to(ROOT) for path in (ROOT / "configs").rglob("*.yaml"))
COMPLETE = [path for path in CONFIGS if path.parts[1] != "base"]
SHARED = ROOT.parent / "shared" / "data"

each_config = pytest.mark.parametrize("path", COMPLETE, ids=str)


def classes_of(config):
    """Of the dataset where it is at hand, else a list as long as ADE20K's."""
    try:
        return dataset_classes(config)
    except DataError:
        return Classes.make([f"class {index}" for index in range(150)])


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.chdir(ROOT)
    if "SEGKIT_DATASETS" not in os.environ and SHARED.is_dir():
        monkeypatch.setenv("SEGKIT_DATASETS", str(SHARED))


@each_config
def test_it_builds_and_answers(path):
    """On torch's meta device, where tensors have shapes and no values."""
    config = load_config(path)
    classes = classes_of(config)
    with torch.device("meta"):
        model = build_model(config, classes, initial_weights=False)
        size = 4 * model.size_divisor
        prediction = model(torch.zeros(2, 3, size, size, dtype=torch.uint8), [(size, size), (size - 1, size)])
    last = prediction.layers[-1]
    if config.experiment.model["type"] == "per_pixel":
        assert last.pixel_logits.shape[:2] == (2, len(classes))
    else:
        assert last.class_logits.shape[2] == len(classes) + 1
        assert last.mask_logits.shape[:2] == last.class_logits.shape[:2]

    build_criterion(config, classes)
    check_evaluators(build_postprocessors(config, classes), build_evaluators(config, classes))
    training, data = config.experiment.training, config.experiment.data
    optimizer = build_optimizer(training.optimizer, model)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(
        [parameter for parameter in model.parameters() if parameter.requires_grad]
    )
    schedule = build_schedule(training.schedule)
    assert 0 <= schedule(0, training.steps) <= 1
    assert schedule(training.steps - 1, training.steps) <= 0.1
    build_transforms(data.train.transforms)
    build_transforms(data.val.transforms)


@each_config
def test_its_header_says_how_it_is_launched(path):
    header = re.match(r"(#.*\n)+", path.read_text(encoding="utf-8"))
    assert header, f"{path} begins with no comment"
    launched = re.findall(r"^#   (?:python|accelerate launch) tools/train\.py (\S+)", header[0], flags=re.MULTILINE)
    assert launched, f"the header of {path} has no command"
    assert launched[-1] == str(path)
    assert all((ROOT / other).is_file() for other in launched)


@pytest.mark.parametrize("path", [path for path in CONFIGS if path not in COMPLETE], ids=str)
def test_a_base_says_what_it_is(path):
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("path", [path for path in CONFIGS if path not in COMPLETE], ids=str)
def test_a_base_is_used_or_a_dataset_of_the_docs(path):
    texts = [other.read_text(encoding="utf-8") for other in CONFIGS]
    used = any(re.search(rf"^extends:.*\b{path.name}", text, flags=re.MULTILINE) for text in texts)
    assert used or f"base/{path.name}" in (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("base", re.findall(r"`(base/\w+\.yaml)`", (ROOT / "docs" / "zoo.md").read_text()))
def test_a_dataset_of_the_docs_goes_with_a_model(base):
    config = load_config({"extends": ["segkit://base/mask_former.yaml", f"segkit://{base}"]})
    build_transforms(config.experiment.data.train.transforms)
    build_transforms(config.experiment.data.val.transforms)


@each_config
def test_a_misspelt_setting_is_found(path):
    with pytest.raises(ConfigError, match="Did you mean 'backbone'"):
        load_config(path, ["model.backbonee={type: timm, name: resnet18}"])
