"""Samples drawn before and after the transforms are those of a training, and pages of them open in a browser."""

import json
import re

import pytest
import torch
from PIL import Image

from segkit.build import build_dataset, build_transforms
from segkit.config import load_config
from segkit.data.loading import training_loader
from segkit.errors import ConfigError, DataError
from segkit.inspection import samples
from segkit.inspection.samples import BadSample, DrawnSample, draw_samples, write_samples_folder, write_samples_page
from segkit.results import overlay
from tests.helpers.browser import screenshot
from tests.helpers.overrides import last_ones
from tests.helpers.tiny import write_tiny

TRANSFORMS = [
    "data.train.transforms=[{type: random_crop, size: [32, 48]}, {type: random_flip}]",
    "data.val.transforms=[{type: resize, size: [96, 128]}]",
]


@pytest.fixture
def config(tmp_path):
    file = write_tiny(tmp_path)
    return lambda overrides=(): load_config(file, last_ones(overrides))


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn side by side, with its titles."""
    shown = []
    monkeypatch.setattr(samples, "transformed_overlays", lambda before, after, classes: (before, after))
    monkeypatch.setattr(samples, "target_overlay", lambda image, target, classes: target)
    monkeypatch.setattr(samples, "side_by_side", lambda *panels, titles: shown.append((*panels, titles)))
    return shown


def test_those_of_train_are_the_first_that_a_training_learns_from(config, drawn):
    made = config([*TRANSFORMS, "training.seed=3"])
    found = list(draw_samples(made, 5))
    assert [one.split for one in found] == ["train"] * 5 + ["val"] * 3  # validation has three
    split = made.experiment.data.train
    dataset = build_dataset(split)
    batch = next(
        training_loader(dataset, build_transforms(split.transforms), batch_size=5, workers=0, size_divisor=1, seed=3)
    )
    assert [one.file for one in found[:5]] == batch.files
    by_file = {dataset[index].file: dataset[index] for index in range(len(dataset))}
    for (before, after, titles), image, file in zip(drawn, batch.images, batch.files, strict=False):
        assert torch.equal(before.image, by_file[file].image)
        assert torch.equal(after.image, image)
        assert after.target.size == (32, 48)
        assert titles == ["before the transforms: 64x64", "after the transforms: 48x32"]
    assert {one.file for one in draw_samples(config([*TRANSFORMS, "training=null"]), 8)} >= set(by_file)


def test_those_of_val_are_transformed_without_their_target(config, drawn):
    list(draw_samples(config([TRANSFORMS[1], "data.train=null"]), 1))
    ((before, after, titles),) = drawn
    assert before.size == (64, 64)
    assert after.shape == (3, 96, 128)
    assert titles == ["before the transforms: 64x64", "after the transforms: 128x96"]


def test_targets_are_drawn_with_a_legend(config, monkeypatch):
    (one,) = draw_samples(config([TRANSFORMS[0], "data.val=null"]), 1)
    monkeypatch.setattr(overlay, "with_legend", lambda image, *_: image)
    (without,) = draw_samples(config([TRANSFORMS[0], "data.val=null"]), 1)
    assert one.drawing.height > without.drawing.height + 20


def test_a_config_without_data(config):
    with pytest.raises(ConfigError, match=r"data: the config names no dataset, so there is nothing to draw\.$"):
        list(draw_samples(config(["data=null"]), 1))


def test_a_dataset_without_images_and_a_bad_image(config, tmp_path):
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "images/a.png")
    Image.new("L", (9, 9), 7).save(tmp_path / "labels/a.png")
    dataset = {"type": "mask_folder", "images": f"{tmp_path}/images", "labels": f"{tmp_path}/labels"}
    made = config([f"data.train.dataset={json.dumps({**dataset, 'classes': ['sky', 'sea']})}"])
    bad, *good = draw_samples(made, 2)
    assert bad.split == "train"
    assert re.search(r"labels/a\.png: the ids 7 are neither", str(bad.error))
    assert [one.split for one in good] == ["val", "val"]
    with pytest.raises(DataError, match=r"^data\.train: the dataset has no images\."):
        list(draw_samples(config(["data.train.dataset.length=0"]), 1))


@pytest.fixture
def two():
    return [
        DrawnSample(split, f"{split}/<a>.jpg", Image.new("RGB", (200, 100), (0, 0, 255))) for split in ("train", "val")
    ]


def test_the_page_shows_each_split(two, tmp_path):
    write_samples_page(tmp_path / "page.html", "Samples", iter(two))
    text = (tmp_path / "page.html").read_text()
    assert text.index("data.train") < text.index("train/&lt;a&gt;.jpg") < text.index("data.val")
    shown = screenshot(tmp_path / "page.html").astype(int)
    assert (abs(shown - (0, 0, 255)).max(-1) < 20).sum() == 2 * 200 * 100


def test_the_page_tells_what_cannot_be_drawn(two, tmp_path):
    bad = BadSample("train", DataError("images/<b>.png: cannot be read."))
    write_samples_page(tmp_path / "page.html", "Samples", [bad, *two])
    text = (tmp_path / "page.html").read_text()
    assert text.index("data.train") < text.index("<p>error: images/&lt;b&gt;.png: cannot be read.</p>")
    write_samples_folder(tmp_path / "new", [bad, *two])
    assert len(list((tmp_path / "new").rglob("*.png"))) == 2


def test_files_of_a_folder(two, tmp_path):
    write_samples_folder(tmp_path / "new", iter([*two, two[1].__class__("val", "b/<a>.jpg", two[1].drawing)]))
    found = sorted(str(file.relative_to(tmp_path / "new")) for file in (tmp_path / "new").rglob("*.png"))
    assert found == ["train/<a>.png", "val/<a>.png", "val/b_<a>.png"]
    assert Image.open(tmp_path / "new/val/<a>.png").size == (200, 100)
