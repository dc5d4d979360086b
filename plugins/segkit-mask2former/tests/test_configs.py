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
PUBLISHED = [file for file in COMPLETE if "base/mask2former.yaml" in file.read_text(encoding="utf-8")]
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
    assert all(group["lr"] > 0 for group in optimizer.param_groups)
    factors = build_schedule(training.schedule)(training.steps - 1, training.steps)
    assert all(factor < 0.1 for factor in (factors.values() if isinstance(factors, dict) else [factors]))
    build_transforms(data.train.transforms)
    build_transforms(data.val.transforms if data.val.transforms else [])


@each_config
def test_its_header_says_how_it_is_launched(file):
    header = re.match(r"(#.*\n)+", file.read_text(encoding="utf-8"))
    assert header is not None
    assert f"#   segkit train configs/{file.name}" in header[0]


@pytest.mark.parametrize("file", sorted((CONFIGS / "base").glob("*.yaml")), ids=lambda file: file.stem)
def test_each_fragment_is_used(file):
    assert any(f"base/{file.name}" in other.read_text(encoding="utf-8") for other in COMPLETE)


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.stem)
def test_the_queries_are_the_originals(file):
    """Swin-L has 200 for panoptic and instance segmentation; all others have 100."""
    queries = load_config(file).experiment.model["transformer_decoder"].get("num_queries", 100)
    assert queries == (200 if "swin_large" in file.stem and "semantic" not in file.stem else 100)


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.stem)
def test_its_header_has_the_published_metric(file):
    first = r"# Mask2Former with .+: \d\d\.\d (PQ|AP|mean IoU) \(Cheng et al\. 2022, model zoo\)\.\n"
    assert re.match(first, file.read_text(encoding="utf-8"))


def test_the_package_names_them():
    assert Path(load_config("segkit-mask2former://example.yaml").path) == CONFIGS / "example.yaml"
