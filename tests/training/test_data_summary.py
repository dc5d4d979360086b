"""Data that have nothing to learn from, odd data, and what a run writes about its data."""

import json

import numpy as np
import pytest
from PIL import Image

from segkit.config import load_config
from segkit.data.collating import collate_training
from segkit.data.sampling import sample_dataset
from segkit.data.tally import Tally
from segkit.datasets.shapes import Shapes
from segkit.errors import DataError
from segkit.training.data_summary import DataSummary
from segkit.training.train import train
from tests.helpers.counted import Listed, instances, mapped
from tests.helpers.tiny import assert_equal_weights, empty_target

BOTH = mapped([0, 0, 1, 1])
NOTHING = empty_target((1, 4))


def summary(targets, val=None, names=("background", "object"), **more):
    val_sample = None if val is None else sample_dataset(Listed(val, names))
    return DataSummary(sample_dataset(Listed(targets, names)), val_sample, **more)


def learn(summary, targets):
    samples = [Listed(targets)[index] for index in range(len(targets))]
    tally = Tally(num_classes=2)
    tally.add_batch(collate_training(samples, size_divisor=4), padded=True)
    summary.add(tally)


@pytest.mark.parametrize("targets", [[NOTHING], [instances(crowds=[1])], [mapped([-1, -1])]])
def test_nothing_to_learn_is_an_error_and_nothing_to_measure_a_warning(targets):
    with pytest.raises(DataError, match=r"^data\.train: nothing can be learned: "):
        summary(targets)
    (warning,) = summary([BOTH], val=targets).warnings
    assert warning.startswith("data.val: nothing can be measured: ")


def test_nothing_in_a_part_of_the_images_is_a_warning():
    (warning,) = summary([NOTHING] * 600).warnings
    assert warning.startswith("data.train: there is no annotated segment in the 512 images looked at (of 600).")


def test_warnings_follow_the_lines():
    assert summary([BOTH], val=[mapped([0, 0])], num_queries=1).lines() == [
        "data.train: 1 of 1 images: 2 of 2 classes, 2.0 segments per image (at most 2), 0 % void",
        "data.val: 1 of 1 images: 1 of 2 classes, 1.0 segments per image (at most 1), 0 % void",
        "warning: data.train: an image has 2 segments, but the model has 1 query, and each learns at most one "
        "segment. Raise num_queries to at least 2.",
        "warning: data.val: the class 'object' (of 2) occurs in no image.",
        "warning: data.val: the class 'background' fills all known pixels of the only image: a model that predicts it "
        "everywhere scores 1.0 and has learned nothing.",
    ]


def test_transforms_that_remove_most_segments_are_named_once():
    ready = summary([BOTH] * 100)
    learn(ready, [NOTHING] * 31)
    assert ready.update(1) == []
    learn(ready, [NOTHING, BOTH])
    assert ready.update(2) == [
        "warning: data.train: 97 % of the images have no segment after the transforms, but only 0 % before them. Use "
        "larger crops, or less scaling."
    ]
    learn(ready, [NOTHING])
    assert ready.update(3) == []


def test_images_without_segments_are_no_surprise_where_the_data_have_them():
    ready = summary([NOTHING, NOTHING, BOTH] * 40)
    learn(ready, [NOTHING, NOTHING, BOTH] * 22)
    assert ready.update(1) == []


def test_a_class_that_a_whole_epoch_lacks_is_named_once():
    ready = summary([BOTH] * 3)
    learn(ready, [mapped([0, 0])] * 2)
    assert ready.update(1) == []
    learn(ready, [mapped([0, 0])])
    assert ready.update(2) == [
        "warning: data.train: in a whole epoch, the model has seen no segment of the class 'object' (of 2). Check the "
        "annotations, and that the transforms do not remove them."
    ]
    assert ready.update(3) == []


def test_a_class_that_was_named_at_the_start_is_not_named_again():
    ready = summary([mapped([0, 0])])
    learn(ready, [mapped([0, 0])])
    assert ready.update(1) == []


def test_a_resumed_training_waits_for_two_epochs():
    ready = summary([BOTH] * 2, start=1)
    for step, named in ((2, 0), (3, 1)):
        learn(ready, [mapped([0, 0])] * 2)
        assert len(ready.update(step)) == named


def test_what_a_run_writes(tiny):
    run = train(load_config(tiny, ["training.steps=4"]))
    written = json.loads((run / "data_summary.json").read_text())
    assert list(written) == ["train", "val", "learned", "evaluated", "warnings"]
    assert written["train"]["sample"]["images"] == written["train"]["images"] == 8
    learned = written["learned"]
    assert (learned["from_step"], learned["to_step"], learned["images"]) == (0, 4, 8)
    # One epoch without transforms is the dataset.
    assert {**written["train"]["sample"], "from_step": 0, "to_step": 4} == learned
    assert written["evaluated"] == written["val"]["sample"]
    assert written["warnings"][0] == "data.train: the class 'grass' (of 8) occurs in no image."


def test_a_resumed_run_counts_from_its_checkpoint(tiny):
    run = train(load_config(tiny, ["training.steps=2"]))
    train(load_config(tiny, ["training.steps=4"]), run, resume=True)
    learned = json.loads((run / "data_summary.json").read_text())["learned"]
    assert (learned["from_step"], learned["to_step"], learned["images"]) == (2, 4, 4)


def test_looking_at_the_data_changes_no_weight(tiny, monkeypatch):
    one = train(load_config(tiny, ["training.steps=2"]))
    unread = sample_dataset(Shapes(length=1))
    monkeypatch.setattr("segkit.training.build.first_look", lambda *_, **more: unread)
    assert_equal_weights(one / "last", train(load_config(tiny, ["training.steps=2"])) / "last")


def mask_folder(folder, labels, classes, size=(48, 64)):
    """A config that trains on three label maps of `size`: `labels` maps 0 (outside) and 1 (inside) to ids."""
    for number in range(3):
        inside = np.zeros(size, dtype=int)
        inside[size[0] // 4 : size[0] // 2, number : size[1] // 2 + number] = 1
        for part, values in (("images", inside * 200), ("labels", np.array(labels)[inside])):
            (folder / part).mkdir(exist_ok=True)
            Image.fromarray(values.astype(np.uint8)).save(folder / part / f"{number}.png")
    data = {
        "type": "mask_folder",
        "images": str(folder / "images"),
        "labels": str(folder / "labels"),
        "classes": classes,
    }
    quoted = json.dumps(data)
    return [f"data.train.dataset={quoted}", f"data.val.dataset={quoted}", "evaluators=[{type: mean_iou}]"]


@pytest.mark.parametrize(
    ("labels", "classes", "named"),
    [
        ((0, 255), ["background", "object"], "If 255 is object, set void: [] and label_map: {0: background, 255: "),
        ((0, 255), ["object"], "void: [] and label_map: {0: background, 255: object}"),
        # Relatives: inverted masks, and a second class that no file shows.
        ((255, 0), ["object", "background"], "the class 'background' (of 2) occurs in no image."),
        ((0, 1), ["background", "object", "other"], "the class 'other' (of 3) occurs in no image."),
    ],
)
def test_masks_of_0_and_255_and_their_relatives(tiny, labels, classes, named, capsys):
    train(load_config(tiny, [*mask_folder(tiny.parent, labels, classes), "training.steps=1"]))
    before_the_first_step = capsys.readouterr().out.partition("step 1/1")[0]
    assert named in before_the_first_step
    assert "warning: data.train: " in before_the_first_step


def test_masks_that_are_void_everywhere_are_an_error(tiny):
    with pytest.raises(DataError, match=r"^data\.train: nothing can be learned: all pixels of all 3 images are void\."):
        train(load_config(tiny, mask_folder(tiny.parent, (255, 255), ["background", "object"])))
    assert not list((tiny.parent / "runs").iterdir())


def test_a_batch_of_one_small_image_is_named(tiny):
    data = mask_folder(tiny.parent, (0, 1), ["background", "object"], size=(32, 32))
    stride_32 = "model.backbone.options.out_indices=[3, 4]"
    with pytest.raises(DataError, match=r"\.png \(32x32\): too small for the model\. Padded to 32x32 in a batch"):
        train(load_config(tiny, [*data, stride_32, "data.train.batch_size=1"]))
    # Groups of two channels: a group norm of one channel could not normalize a single pixel either.
    way_out = ["model.backbone.freeze_batch_norm=true", "model.pixel_decoder.hidden_dim=64"]
    assert train(
        load_config(tiny, [*data, stride_32, *way_out, "data.train.batch_size=1", "training.steps=1"])
    ).is_dir()


def test_what_a_dataset_warned_of_is_written_once_and_not_shown_again(tmp_path):
    path = tmp_path / "data_summary.json"
    ready = summary([BOTH], path=path, built=["a.json: 2 boxes.", "a.json: 2 boxes."])
    ready.write()
    assert json.loads(path.read_text())["warnings"] == ["a.json: 2 boxes."]
    assert len(ready.lines()) == 1
