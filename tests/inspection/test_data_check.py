"""Folders as tools write them, each with a fault: it is named with its file."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit.config import load_config
from segkit.datasets.shapes import Shapes
from segkit.errors import ConfigError
from segkit.inspection.data_check import check_data
from segkit.inspection.data_page import write_data_page
from tests.helpers.dataset_folders import FORMATS, TRAIN, VAL
from tests.helpers.tiny import write_tiny


def check(tmp_path, settings, *overrides, workers=0):
    data = [f"data.{split}.dataset={json.dumps(one)}" for split, one in settings.items()]
    numbers = [f"data.{split}.workers={workers}" for split in settings]
    config = load_config(write_tiny(tmp_path), ["data={}", *data, *numbers, *overrides])
    return check_data(config)


def found(check, level):
    return [
        (one.split, one.text, [Path(place.file).name for place in one.places])
        for one in check.findings
        if one.level == level
    ]


@pytest.fixture(params=list(FORMATS))
def written(request, tmp_path):
    return FORMATS[request.param].write(tmp_path / "data")


def test_sound_folders_have_no_error(written, tmp_path):
    checked = check(tmp_path, written)
    assert found(checked, "error") == []
    assert {split: len(survey.bad) for split, survey in checked.surveys.items()} == {"data.train": 0, "data.val": 0}
    assert sum(len(survey.images) for survey in checked.surveys.values()) >= TRAIN + VAL


def test_an_image_that_is_cut_off(written, tmp_path):
    whole = check(tmp_path, written)
    # Empty images exist in some formats; the file of the fault is an image of validation in each.
    file = Path(max(whole.surveys["data.val"].images, key=lambda one: one.segments).file)
    file.write_bytes(file.read_bytes()[:300])
    ((split, text, files),) = found(check(tmp_path, written), "error")
    assert (split, files) == ("data.val", [file.name])
    assert text.startswith("cannot read the image (")


def spoil(settings, dataset):
    """Makes one annotation of a dataset unusable, so that the dataset is not built."""
    if "annotations" in settings:
        file = Path(settings["annotations"])
        content = json.loads(file.read_text())
        content["annotations"][0]["category_id"] = 77
        file.write_text(json.dumps(content))
    elif settings["type"] == "labelme":
        file = Path(dataset[0].file).with_suffix(".json")
        content = json.loads(file.read_text())
        content["shapes"][0]["points"] = None
        file.write_text(json.dumps(content))
    elif settings["type"] == "yolo":
        image = Path(dataset[0].file)
        (image.parents[1] / f"labels/{image.stem}.txt").write_text("9 0 0 1 0 1 1")
    else:
        dataset._pairs[0].label.unlink()


@pytest.mark.parametrize("workers", [0, 2])
def test_images_are_read_though_annotations_are_bad(written, tmp_path, workers):
    whole = check(tmp_path, written).datasets["data.train"]
    file = Path(whole[len(whole) - 1].file)
    spoil(written["train"], whole)
    file.write_bytes(file.read_bytes()[:300])
    checked = check(tmp_path, written, workers=workers)
    assert "data.train" not in checked.datasets
    errors = [(text, files) for split, text, files in found(checked, "error") if split == "data.train"]
    assert [files for text, files in errors if text.startswith("cannot read the image (")] == [[file.name]]
    assert len(errors) == 2
    write_data_page(tmp_path / "page.html", "Data", checked)
    assert file.name in (tmp_path / "page.html").read_text()


@pytest.fixture
def masks(tmp_path):
    """Cityscapes' folder, and its label files of a split."""
    settings = FORMATS["cityscapes"].write(tmp_path / "data")
    labels = {split: sorted((tmp_path / "data/gtFine" / split).rglob("*_labelIds.png")) for split in ("train", "val")}
    return settings, labels


def test_ids_outside_the_list_and_sizes_that_differ(masks, tmp_path):
    settings, labels = masks
    for split in labels:
        del settings[split]["label_map"]["default"]
    for file in labels["val"]:
        ids = np.array(Image.open(file))
        ids[:2] = 99
        Image.fromarray(ids).save(file)
    cut = labels["train"][1]
    Image.fromarray(np.array(Image.open(cut))[:20]).save(cut)
    first, second = found(check(tmp_path, settings), "error")
    assert (first[0], first[2]) == ("data.train", [cut.name])
    assert first[1].startswith("the label map is 48x20, but its image ")
    assert (second[0], second[2]) == ("data.val", [file.name for file in labels["val"]])
    assert second[1].startswith("the ids 99 are neither a class nor void.")


def test_a_label_file_that_is_no_image(masks, tmp_path):
    settings, labels = masks
    labels["val"][0].write_text("not a PNG")
    assert found(check(tmp_path, settings), "error") == [
        (
            "data.val",
            "this is not an image, or its format cannot be read. Replace or remove it.",
            [labels["val"][0].name],
        )
    ]


def test_labels_that_count_from_1(tmp_path):
    for split in ("train", "val"):
        for part in ("images", "labels"):
            (tmp_path / split / part).mkdir(parents=True)
        ids = np.arange(64, dtype=np.uint8).reshape(8, 8) // 22  # 0, 1, 2
        Image.fromarray(ids).save(tmp_path / split / "labels/a.png")
        Image.effect_noise((8, 8), 90).save(tmp_path / split / "images/a.png")
    settings = {
        split: {
            "type": "mask_folder",
            "images": f"{tmp_path}/{split}/images",
            "labels": f"{tmp_path}/{split}/labels",
            "classes": ["cat", "dog"],
        }
        for split in ("train", "val")
    }
    checked = check(tmp_path, settings)
    assert [text.startswith("the ids 2 are neither") for _, text, _ in found(checked, "error")] == [True, True]
    warnings = [text for _, text, _ in found(checked, "warning")]
    assert any(text.endswith("If so, set label_map: {0: void, 1: cat, 2: dog}.") for text in warnings)


def test_images_of_both_splits_and_empty_label_files(masks, tmp_path):
    settings, labels = masks
    image = {
        file: Path(str(file).replace("gtFine_labelIds", "leftImg8bit").replace("gtFine", "leftImg8bit"))
        for one in labels.values()
        for file in one
    }
    shutil.copy(image[labels["train"][2]], image[labels["val"][0]])
    Image.new("L", (48, 48), 255).save(labels["train"][0])
    checked = check(tmp_path, settings)
    split, text, files = found(checked, "warning")[-1]
    assert (split, files) == ("data.val", [image[labels["val"][0]].name])
    assert text.startswith("in data.train too")
    notes = found(checked, "note")
    assert ("data.train", "no segment.", [image[labels["train"][0]].name]) in notes


def test_images_of_both_splits_that_are_encoded_anew(tmp_path):
    settings = {}
    for part, seed in (("train", 0), ("val", 1)):
        for kind in ("images", "labels"):
            (tmp_path / part / kind).mkdir(parents=True)
        for sample in Shapes(length=6, seed=seed):
            image = Image.fromarray(sample.image.permute(1, 2, 0).numpy())
            image.save(tmp_path / part / f"images/{sample.image_id}.png")
            Image.new("L", image.size).save(tmp_path / part / f"labels/{sample.image_id}.png")
        folders = {kind: f"{tmp_path}/{part}/{kind}" for kind in ("images", "labels")}
        settings[part] = {"type": "mask_folder", **folders, "classes": ["cat", "dog"]}
    last = max((tmp_path / "train/images").iterdir())
    copy = tmp_path / "val/images/copy.jpg"
    Image.open(last).resize((40, 40)).save(copy)
    Image.new("L", (40, 40)).save(tmp_path / "val/labels/copy.png")
    checked = check(tmp_path, settings)
    (pair,) = [one for one in checked.findings if "encoded anew or resized" in one.text]
    assert [(place.file, place.detail) for place in pair.places] == [(str(copy), f"like {last}")]
    write_data_page(tmp_path / "page.html", "Data", checked)
    assert f"{copy} (like {last})" in (tmp_path / "page.html").read_text()
    copy.unlink()
    (tmp_path / "val/labels/copy.png").unlink()
    assert not [one for one in check(tmp_path, settings).findings if "encoded anew" in one.text]


def test_queries(masks, tmp_path):
    settings, _ = masks
    texts = [
        text for _, text, _ in found(check(tmp_path, settings, "model.transformer_decoder.num_queries=1"), "warning")
    ]
    assert any(re.match(r"more segments than the model has queries \(1\)", text) for text in texts)


def test_annotation_files_of_both_splits_are_told_together(tmp_path):
    settings = FORMATS["roboflow_coco"].write(tmp_path / "data")
    for split, bad in (("train", {"category_id": 77}), ("val", {"image_id": 999})):
        file = Path(settings[split]["annotations"])
        content = json.loads(file.read_text())
        content["annotations"][0] |= bad
        file.write_text(json.dumps(content))
    errors = found(check(tmp_path, settings), "error")
    assert [split for split, _, _ in errors] == ["data.train", "data.val"]
    assert "77" in errors[0][1]
    assert "999" in errors[1][1]


def test_all_problems_and_all_places_of_warnings_are_on_the_page(tmp_path):
    settings = FORMATS["roboflow_coco"].write(tmp_path / "data")
    train, val = (json.loads(Path(settings[split]["annotations"]).read_text()) for split in ("train", "val"))
    entry = next(one for one in train["annotations"] if one.get("segmentation"))
    far = [[-40, -40, 900, 0, 900, 900]]
    train["annotations"] += [{**entry, "id": 900 + number, "category_id": 77} for number in range(12)]
    entry = next(one for one in val["annotations"] if one.get("segmentation"))
    val["annotations"] += [{**entry, "id": 900 + number, "segmentation": far, "area": 9} for number in range(3)]
    for split, content in (("train", train), ("val", val)):
        Path(settings[split]["annotations"]).write_text(json.dumps(content))
    checked = check(tmp_path, settings)
    assert checked.counts()["error"] == 12
    write_data_page(tmp_path / "page.html", "Data", checked)
    page = (tmp_path / "page.html").read_text()
    for number in range(12):
        assert f"(id {900 + number}): " in page
    (beyond,) = [one for one in checked.findings if "polygons reach beyond the image" in one.text]
    assert [re.search(r"id \d+", place)[0] for place in beyond.listed] == ["id 900", "id 901", "id 902"]
    assert all(f"<td>{place}</td>" in page for place in beyond.listed)


def test_warnings_of_torch_are_no_findings(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    monkeypatch.setattr("torch.utils.data.dataloader.os.cpu_count", lambda: 1)
    settings = FORMATS["cityscapes"].write(tmp_path / "data")
    texts = [one.text for one in check(tmp_path, settings, workers=2).findings]
    assert not [text for text in texts if "DataLoader" in text]


def test_warnings_of_a_dataset_are_findings(tmp_path, recwarn):
    settings = FORMATS["yolo"].write(tmp_path / "data")
    texts = [text for _, text, _ in found(check(tmp_path, settings), "warning")]
    assert any("box" in text for text in texts)
    assert not recwarn.list


def test_other_classes_in_validation(masks, tmp_path):
    settings, _ = masks
    settings["val"]["classes"] = ["tree", "car"]
    settings["val"]["label_map"] = {"default": "car"}
    texts = [text for _, text, _ in found(check(tmp_path, settings), "error")]
    assert any(text.startswith("the dataset has other classes than data.train (") for text in texts)


def test_a_config_without_datasets(tmp_path):
    config = load_config(write_tiny(tmp_path), ["data=null"])
    with pytest.raises(ConfigError, match=r"data: the config names no dataset, so there is nothing to check\.$"):
        check_data(config)
