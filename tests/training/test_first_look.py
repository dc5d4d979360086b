"""Bad files are found before the first step, in the validation set too."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segkit.config import load_config
from segkit.config.sections import Split
from segkit.data.sampling import MOST_IMAGES, order_of
from segkit.errors import DataError
from segkit.training import build
from segkit.training.first_look import first_look, refuse_bad
from segkit.training.train import train
from tests.helpers.counted import Listed, mapped

ALONE = Split(workers=0)
BOTH = mapped([0, 0, 1, 1])


class SomeBad(Listed):
    def __getitem__(self, index):
        if index in self.bad:
            raise DataError(f"{index}.png: broken.")
        return super().__getitem__(index)


def some_bad(length, bad):
    dataset = SomeBad([BOTH] * length)
    dataset.bad = bad
    return dataset


def test_images_beyond_the_sample_are_read():
    last = order_of(Listed([BOTH] * 100))[-1]
    dataset = some_bad(100, [last])
    look = first_look(dataset, "data.train", ALONE)
    assert [one.index for one in look.bad] == [last]
    assert (look.tally.images, look.also_read) == (MOST_IMAGES, 100 - MOST_IMAGES - 1)
    assert sorted(dataset.read) == [index for index in range(100) if index != last]  # each once
    assert first_look(dataset, "data.train", ALONE, seconds=0).bad == ()


class Hanging(Listed):
    def __getitem__(self, index):
        if index == 3:
            threading.Event().wait()
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_of_the_sample_that_hangs_is_named(workers):
    with pytest.raises(DataError) as caught:
        first_look(Hanging([BOTH] * 9), "data.val", Split(workers=workers, timeout=0.5))
    assert str(caught.value) == (
        "data.val: image 3 of the dataset is not loaded after 0.5 seconds. Check the file and its disk, or raise "
        "data.val.timeout."
    )


def test_all_bad_images_are_told_together():
    looks = {
        "data.train": first_look(some_bad(5, [1]), "data.train", ALONE),
        "data.val": first_look(some_bad(20, range(12)), "data.val", ALONE),
    }
    with pytest.raises(DataError) as caught:
        refuse_bad(looks)
    lines = str(caught.value).splitlines()
    assert lines[0] == "1.png: broken."
    assert len(lines) == 11
    assert set(lines[1:10]) <= {f"{index}.png: broken." for index in range(12)}
    assert len(set(lines)) == 11  # the problem of both is shown once
    assert lines[10] == (
        "and 2 more; 1 of 5 images of data.train, 12 of 20 images of data.val that were read are bad. `segkit check "
        "--data CONFIG` reads all."
    )


@pytest.fixture
def masks(tiny, tmp_path):
    """A config with 80 tiny label maps to train and to evaluate on."""
    settings = {}
    for split in ("train", "val"):
        for part in ("images", "labels"):
            (tmp_path / split / part).mkdir(parents=True)
        for number in range(80):
            ids = np.zeros((32, 32), dtype=np.uint8)
            ids[number % 16 : 20] = 1
            Image.fromarray(ids).save(tmp_path / split / f"labels/{number:02}.png")
            Image.fromarray(ids * 200).save(tmp_path / split / f"images/{number:02}.png")
        folder = tmp_path / split
        settings[split] = {"type": "mask_folder", "images": f"{folder}/images", "labels": f"{folder}/labels"}
        settings[split]["classes"] = ["sky", "sea"]
    return tmp_path, [
        "training.steps=1",
        "evaluators=[{type: mean_iou}]",
        *(f"data.{split}.dataset={json.dumps(one)}" for split, one in settings.items()),
    ]


def last_of(split):
    """The image that is read last."""
    return split / f"labels/{order_of(Listed([BOTH] * 80))[-1]:02}.png"


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_training_stops_before_its_first_step(masks, tiny, split, capsys):
    folder, overrides = masks
    bad = last_of(folder / split)
    Image.new("L", (32, 32), 9).save(bad)
    with pytest.raises(DataError) as caught:
        train(load_config(tiny, overrides), folder / "run")
    assert str(caught.value) == (
        f"{bad}: the ids 9 are neither a class nor void. The 2 classes have the ids 0, 1. Name the "
        f"others in 'void', or map all ids in 'label_map'.\n1 of 80 images of data.{split} that were read are bad. "
        "`segkit check --data CONFIG` reads all."
    )
    assert not (folder / "run").exists()


@pytest.mark.parametrize("split", ["train", "val"])
def test_images_of_both_datasets_are_read_though_one_is_not_built(masks, tiny, split):
    folder, overrides = masks
    (folder / split / "labels/03.png").unlink()
    cut = [folder / part / "images/05.png" for part in ("train", "val")]
    for file in cut:
        file.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        train(load_config(tiny, overrides), folder / "run")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{folder / split / 'labels'}: there is no label file for 03.png")
    assert lines[1:] == [
        f"{file}: this is not an image, or its format cannot be read. Replace or remove it." for file in cut
    ]
    assert not (folder / "run").exists()


def test_images_that_may_be_skipped_are_not_read(masks, tiny):
    folder, overrides = masks
    (folder / "train/labels/03.png").unlink()
    (folder / "train/images/05.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        train(load_config(tiny, [*overrides, "data.train.on_bad_sample=skip"]), folder / "run")
    assert len(str(caught.value).splitlines()) == 1


def test_of_many_bad_images_ten_are_shown(masks, tiny):
    folder, overrides = masks
    (folder / "train/labels/79.png").unlink()
    for number in range(12):
        (folder / f"train/images/{number:02}.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        train(load_config(tiny, overrides), folder / "run")
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (12, "data.train: and 2 more.")


@pytest.mark.parametrize("split", ["train", "val"])
def test_label_files_that_count_classes_from_1_are_explained(masks, tiny, split):
    folder, overrides = masks
    for file in (folder / split / "labels").iterdir():
        Image.fromarray(np.asarray(Image.open(file)) + 1).save(file)
    (folder / split / "labels/79.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        train(load_config(tiny, overrides), folder / "run")
    assert str(caught.value).splitlines()[-2] == (
        f"data.{split}: the label files hold the id 2, one more than the last class has: they seem to count the "
        "classes from 1. If so, set label_map: {0: void, 1: sky, 2: sea}."
    )


def test_images_that_may_be_skipped_are_no_error(masks, tiny, capsys):
    folder, overrides = masks
    Image.new("L", (32, 32), 9).save(last_of(folder / "train"))
    train(load_config(tiny, [*overrides, "data.train.on_bad_sample=skip"]), folder / "run")
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("data.train: 64 of 80 images: ") and line.endswith(" void") for line in lines)
    assert any(
        line.startswith("data.val: 64 of 80 images: ") and line.endswith("; 80 of 80 can be read") for line in lines
    )
    written = json.loads(Path(folder / "run/data_summary.json").read_text())
    assert (written["train"]["read"], written["val"]["read"]) == (64, 80)


def test_a_resumed_training_looks_at_the_sample_alone(masks, tiny, monkeypatch):
    folder, overrides = masks
    seconds = []
    monkeypatch.setattr(
        build, "first_look", lambda *words, **more: seconds.append(more["seconds"]) or first_look(*words, **more)
    )
    train(load_config(tiny, overrides), folder / "run")
    train(load_config(tiny, ["training.steps=2", *overrides[1:]]), folder / "run", resume=True)
    assert seconds == [10, 10, 0, 0]


def test_data_that_are_all_bad_are_an_error_though_bad_images_may_be_skipped(masks, tiny):
    folder, overrides = masks
    for file in (folder / "train/labels").iterdir():
        file.write_text("no image")
    with pytest.raises(DataError, match=r"and 70 more; 80 of 80 images of data\.train that were read are bad\."):
        train(load_config(tiny, [*overrides, "data.train.on_bad_sample=skip"]), folder / "run")
