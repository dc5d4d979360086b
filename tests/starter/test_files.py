"""The two files that `segkit init-data` writes: short, and with numbers that follow from the data."""

from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from segkit.build import build_model
from segkit.config import load_config
from segkit.starter.files import files_of
from segkit.starter.findings import look_at
from tests.helpers import dataset_folders
from tests.starter.test_findings import labeled, named

pytestmark = pytest.mark.filterwarnings("ignore")


def files(folder, *arguments):
    texts = files_of(look_at(folder, *arguments), Path("mine"))
    return texts, {name: yaml.safe_load(text) for name, text in texts.items()}


def test_the_text_is_short_and_says_what_to_change(tmp_path):
    dataset_folders.labelme(tmp_path / "pets")
    texts, _ = files(tmp_path / "pets")
    assert texts["data.yaml"] == (
        f"""\
# Written by `segkit init-data`. A fragment for `extends`: config.yaml has the model and the training.
# The settings of the dataset: segkit describe dataset labelme
# The folder has no images for validation: a fifth of them is drawn by name. For images that follow each other, as
# in a video, write two lists of names instead.
data:
  train:
    dataset:
      type: labelme
      folder: {tmp_path}/pets
      split: {{all_but: 0.2, seed: 0}}
      classes: [cat, dog]
    transforms:
      # Larger sizes show smaller objects, and take more time and memory.
      - {{type: resize_shortest_edge, sizes: [24, 36, 48, 60, 72], max_size: 192}}
      - {{type: random_crop, size: [32, 32]}}
      - {{type: random_flip}}  # Remove this line if left and right are different classes.
      - {{type: photometric_distortion}}
    batch_size: 5
  val:
    dataset:
      type: labelme
      folder: {tmp_path}/pets
      split: {{share: 0.2, seed: 0}}
      classes: [cat, dog]
    batch_size: 1
postprocessors: [{{type: instance}}]
evaluators: [{{type: average_precision}}]
"""
    )
    assert texts["config.yaml"].count("\n") < 35
    assert "#   segkit train mine/config.yaml --output runs/mine\n" in texts["config.yaml"]
    assert max(map(len, texts["config.yaml"].splitlines())) <= 120


def test_large_images_are_made_smaller(tmp_path):
    labeled(tmp_path, [0, 1], count=9)
    _, parsed = files(tmp_path, *named("a", "b"))
    assert "transforms" not in parsed["data.yaml"]["data"]["val"]
    large = tmp_path / "large"
    for kind in ("images", "masks"):
        (large / kind).mkdir(parents=True)
        for file in (tmp_path / kind).iterdir():
            Image.open(file).resize((1000, 700), Image.Resampling.NEAREST).save(large / kind / file.name)
    _, parsed = files(large, *named("a", "b"))
    data = parsed["data.yaml"]["data"]
    assert data["val"]["transforms"] == [{"type": "resize_shortest_edge", "sizes": 512, "max_size": 2048}]
    assert data["train"]["transforms"][1] == {"type": "random_crop", "size": [512, 512]}
    assert (data["train"]["batch_size"], data["val"]["batch_size"]) == (7, 2)


def test_steps_and_queries_follow_from_the_data(tmp_path):
    labeled(tmp_path, list(range(10)), count=3)
    _, parsed = files(tmp_path, *named("person", task="instance"))
    assert parsed["config.yaml"]["model"]["transformer_decoder"]["num_queries"] == 16  # for 9 instances
    assert parsed["config.yaml"]["training"]["steps"] == 1000
    assert "criterion" not in parsed["config.yaml"]


def test_void_is_left_out_of_the_losses(tmp_path):
    labeled(tmp_path, [0, 1, 255, 1])
    _, parsed = files(tmp_path, *named("a", "b"))
    assert parsed["config.yaml"]["criterion"] == {"void": "ignore"}


def test_ids_are_written_as_numbers(tmp_path):
    labeled(tmp_path, [0, 255])
    texts, _ = files(tmp_path, *named("background", "object"))
    assert "label_map: {0: background, 255: object}\n" in texts["data.yaml"]
    folder = tmp_path / "config"
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
    load_config(folder / "config.yaml")


def test_the_model_starts_from_the_published_weights(tmp_path):
    """`pretrained: true` goes through timm's own loading, here from a local copy of the published file."""
    import timm

    labeled(tmp_path, [0, 1])
    published = timm.create_model("resnet18")
    torch.save(published.state_dict(), tmp_path / "published.pth")
    folder = tmp_path / "config"
    folder.mkdir()
    for name, text in files(tmp_path, *named("a", "b"))[0].items():
        (folder / name).write_text(text)
    copy = f"model.backbone.options={{pretrained_cfg_overlay: {{file: {tmp_path}/published.pth}}}}"
    model = build_model(load_config(folder / "config.yaml", [copy]))
    assert torch.equal(model.backbone.body.conv1.weight, published.conv1.weight)
