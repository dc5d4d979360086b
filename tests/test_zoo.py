"""The paper's zoo: every recipe is there, and has as many parameters as the published model.

Exact numbers are those of the tensors of published models, for which ../shared/golden/original lists names and shapes;
with another number of classes, only the rows of the class head differ. Rounded numbers are those of the paper (Cheng et
al. 2021, tables 1 and 3).
"""

import re
from pathlib import Path

import pytest
import torch

from segkit.build import build_criterion, build_evaluators, build_model, build_postprocessors, build_transforms
from segkit.classes import Classes
from segkit.config import load_config
from segkit.evaluation.loop import check_evaluators
from tests.helpers.originals import PANOPTIC, PER_PIXEL, PER_PIXEL_PLUS, R50, R101C, SWIN_T, read_facts

ROOT = Path(__file__).parents[1]
CLASSES = {
    "ade20k": 150,
    "ade20k_full": 847,
    "ade20k_panoptic": 150,
    "coco_panoptic": 133,
    "coco_stuff_10k": 171,
    "cityscapes": 19,
    "mapillary_vistas": 65,
}
"""Dataset -> the published number of classes."""
MILLIONS = {
    "r50": 41, "r101": 60, "r101c": 60, "swin_tiny": 42, "swin_small": 63, "swin_base": 102, "swin_large": 212,
    "encoder r50": 45, "encoder r101": 64,
}  # fmt: skip
"""Millions of parameters in the paper, for 150 classes, and for 133 with the encoder."""
BACKBONES = ("r50", "r101", "r101c")
SWINS = ("swin_tiny", "swin_small", "swin_base", "swin_large")
RECIPES = {
    *(f"mask_former/ade20k_{name}" for name in (*BACKBONES, *SWINS)),
    *(f"mask_former/ade20k_full_{name}" for name in BACKBONES),
    *(f"mask_former/coco_stuff_10k_{name}" for name in BACKBONES),
    *(f"mask_former/cityscapes_{name}" for name in ("r101", "r101c")),
    "mask_former/mapillary_vistas_r50",
    *(f"mask_former/ade20k_panoptic_{name}" for name in ("r50", "r101")),
    *(f"mask_former/coco_panoptic_{name}" for name in ("r50", "r101", *SWINS)),
    *(f"per_pixel/{data}_r50{plus}" for data in ("ade20k", "ade20k_full", "coco_stuff_10k") for plus in ("", "_plus")),
}
GOLDEN = {
    "mask_former r50": R50,
    "mask_former r101c": R101C,
    "mask_former swin_tiny": SWIN_T,
    "mask_former encoder r50": PANOPTIC,
    "per_pixel r50": PER_PIXEL,
    "per_pixel r50_plus": PER_PIXEL_PLUS,
}
ROWS = {"mask_former": 257, "per_pixel r50": 257, "per_pixel r50_plus": 256}
"""Parameters of a class: weights and bias of the class head or classifier, or a query."""

each_recipe = pytest.mark.parametrize("recipe", sorted(RECIPES))


def dataset_and_model(recipe):
    """`mask_former/coco_panoptic_r50` -> (`coco_panoptic`, `mask_former encoder r50`)."""
    kind, name = recipe.split("/")
    dataset = max((one for one in CLASSES if name.startswith(f"{one}_")), key=len)
    backbone = name.removeprefix(f"{dataset}_")
    encoder = "encoder " if "panoptic" in dataset and backbone in BACKBONES else ""
    return dataset, f"{kind} {encoder}{backbone}"


def built(recipe):
    config = load_config(ROOT / f"configs/{recipe}.yaml")
    count = CLASSES[dataset_and_model(recipe)[0]]
    classes = Classes.make([f"class {index}" for index in range(count)])
    with torch.device("meta"):
        return config, classes, build_model(config, classes, initial_weights=False)


def num_parameters(model):
    """Frozen batch norms hold theirs as buffers."""
    return sum(tensor.numel() for tensor in model.state_dict().values())


def test_there_are_the_originals_thirty_recipes():
    assert len(RECIPES) == 30
    there = {
        path.relative_to(ROOT / "configs").with_suffix("").as_posix() for path in (ROOT / "configs").glob("*/*.yaml")
    }
    assert there >= RECIPES


@each_recipe
def test_it_is_short_and_names_score_and_schedule(recipe):
    text = (ROOT / f"configs/{recipe}.yaml").read_text(encoding="utf-8")
    assert text.count("\n") < 25
    config = load_config(ROOT / f"configs/{recipe}.yaml")
    steps, batch = config["training"]["steps"], config["data"]["train"]["batch_size"]
    assert f"# {steps:,} steps of {batch} images: " in text
    each, processes = re.search(r"images: (\d+) on each of (\d+) GPUs", text).groups()
    assert int(each) * int(processes) == batch
    assert f"data.train.batch_size={each}\n" in text
    assert re.search(r": [\d.]+ (mean IoU|PQ)(, [\d.]+ with flips at six scales)? \(", text)


@each_recipe
def test_it_builds_for_the_published_number_of_classes(recipe):
    config, classes, model = built(recipe)
    side = 64
    prediction = model(torch.zeros(1, 3, side, side, dtype=torch.uint8, device="meta"))
    if recipe.startswith("per_pixel"):
        assert prediction.pixel_logits.shape[:2] == (1, len(classes))
    else:
        assert prediction.class_logits.shape == (1, 100, len(classes) + 1)
    build_criterion(config, classes)
    check_evaluators(build_postprocessors(config, classes), build_evaluators(config, classes))
    build_transforms(config.experiment.data.train.transforms)


@each_recipe
def test_it_has_as_many_parameters_as_the_published_tensors(recipe, shared_golden):
    _, name = dataset_and_model(recipe)
    if name not in GOLDEN:
        pytest.skip(
            "the shapes of this model's published tensors are not at hand; the paper's rounded number is tested"
        )
    shapes, count = read_facts(shared_golden, GOLDEN[name])
    published = sum(torch.Size(shape).numel() for shape in shapes.values())
    rows = ROWS.get(name, ROWS["mask_former"])
    _, classes, model = built(recipe)
    assert num_parameters(model) == published + rows * (len(classes) - count)


@each_recipe
def test_it_has_as_many_million_parameters_as_in_the_paper(recipe):
    _, name = dataset_and_model(recipe)
    kind, _, backbone = name.partition(" ")
    if kind == "per_pixel":
        pytest.skip("the paper does not give the parameters of the baselines; the published tensors are counted")
    _, classes, model = built(recipe)
    counted_for = 133 if "encoder" in backbone else 150
    million = (num_parameters(model) - 257 * (len(classes) - counted_for)) / 1e6
    assert abs(million - MILLIONS[backbone]) < 1


@each_recipe
def test_its_transforms_are_the_originals(recipe):
    dataset, _ = dataset_and_model(recipe)
    expected = ["resize_shortest_edge", "random_crop", "photometric_distortion", "random_flip", "pad"]
    if dataset == "coco_panoptic":
        expected = ["random_flip", "random_window", "resize_shortest_edge"]
    elif dataset == "cityscapes":
        expected.remove("pad")
    config = load_config(ROOT / f"configs/{recipe}.yaml")
    assert [transform["type"] for transform in config["data"]["train"]["transforms"]] == expected


@pytest.mark.parametrize(
    ("recipe", "divisor"), [("coco_panoptic_r50", 1), ("coco_panoptic_swin_large", 4), ("ade20k_r50", 32)]
)
def test_images_are_padded_as_the_original_pads_them(recipe, divisor):
    assert built(f"mask_former/{recipe}")[2].size_divisor == divisor
