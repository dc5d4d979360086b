"""`segkit.evaluate`; tests/cli/test_test.py runs the command, which is the same code."""

import json
import warnings

import numpy as np
import pytest
from PIL import Image

import segkit
from segkit.build import build_model, dataset_classes
from segkit.checkpoint import save_checkpoint
from segkit.classes import Classes
from segkit.config import load_config
from segkit.errors import CheckpointError, ConfigError, DataError
from segkit.evaluation.tables import require_intact_evaluation
from tests.helpers.tiny import tiny_yaml, write_tiny


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Of random weights."""
    folder = tmp_path_factory.mktemp("evaluate")
    config = load_config(write_tiny(folder))
    save_checkpoint(folder / "last", build_model(config), config, dataset_classes(config))
    return folder / "last"


def test_the_metrics_are_returned_and_written(checkpoint, capsys):
    metrics = segkit.evaluate(checkpoint, device="cpu")
    assert list(metrics) == ["mean_iou", "panoptic_quality"]
    written = json.loads((checkpoint / "evaluation/metrics.json").read_text())
    assert written["mean_iou"]["values"].keys() == metrics["mean_iou"].values.keys()
    assert capsys.readouterr().out == ""


def test_a_run_folder_means_its_checkpoint(checkpoint, tmp_path):
    segkit.evaluate(checkpoint.parent, output=tmp_path / "out")
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"SHA256SUMS", "data_summary.json", "metrics.json", "mean_iou_confusion_matrix.csv"}


def test_digests_of_other_files_are_not_replaced(checkpoint):
    with pytest.raises(DataError) as caught:
        segkit.evaluate(checkpoint, output=checkpoint)
    assert str(caught.value) == f"{checkpoint}/SHA256SUMS: has the digests of other files. Give another --output."


def test_a_second_evaluation_replaces_the_digests(checkpoint, tmp_path):
    for overlays in (1, 0):
        segkit.evaluate(checkpoint, output=tmp_path, overlays=overlays)
        names = [line.split("  ")[1] for line in (tmp_path / "SHA256SUMS").read_text().splitlines()]
        files = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()}
        assert {"SHA256SUMS", *names} == files
        require_intact_evaluation(tmp_path)


def test_by_another_config(checkpoint, tmp_path):
    data = load_config(checkpoint.parent / "tiny.yaml", ["data.val.limit=1", "evaluators=[{type: mean_iou}]"]).data
    metrics = segkit.evaluate(checkpoint, data, output=tmp_path, overlays=5, save_predictions=True)
    assert list(metrics) == ["mean_iou"]
    assert len(list((tmp_path / "overlays").glob("*.png"))) == 2  # one image, two kinds of results
    assert {path.name for path in (tmp_path / "predictions").iterdir()} == {"panoptic", "panoptic.json", "semantic"}


def test_void_in_the_place_of_a_class_is_told(tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for place, value in enumerate((1, 255, 1)):
        Image.new("RGB", (64, 64)).save(tmp_path / f"images/{place}.png")
        label = np.zeros((64, 64), dtype=np.uint8)
        label[:32] = value
        Image.fromarray(label).save(tmp_path / f"labels/{place}.png")
    (tmp_path / "tiny.yaml").write_text(tiny_yaml("per_pixel"))
    dataset = {name: str(tmp_path / name) for name in ("images", "labels")} | {"classes": ["background", "object"]}
    config = load_config(tmp_path / "tiny.yaml").data
    config["data"]["val"]["dataset"] = {"type": "mask_folder", **dataset}
    config = load_config(config)
    classes = Classes.make(["background", "object"], [False, False])
    save_checkpoint(tmp_path / "last", build_model(config, classes), config, classes)
    with pytest.warns(UserWarning, match=r"data\.val: 1 of the 3 images that were read has void beside the class"):
        segkit.evaluate(tmp_path / "last", device="cpu")


def masks(folder, values, classes):
    """A checkpoint of an untrained model, whose data are one image with these values in halves of its mask."""
    for name in ("images", "labels"):
        (folder / name).mkdir()
    Image.new("RGB", (64, 64)).save(folder / "images/a.png")
    label = np.full((64, 64), values[0], dtype=np.uint8)
    label[:32] = values[1]
    Image.fromarray(label).save(folder / "labels/a.png")
    (folder / "tiny.yaml").write_text(tiny_yaml("per_pixel"))
    dataset = {name: str(folder / name) for name in ("images", "labels")} | {"classes": classes}
    config = load_config(folder / "tiny.yaml").data
    config["data"]["val"]["dataset"] = {"type": "mask_folder", **dataset}
    config = load_config(config)
    made = Classes.make(classes, [False] * len(classes))
    save_checkpoint(folder / "last", build_model(config, made), config, made)
    return folder / "last"


def warnings_and_summary(checkpoint):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        segkit.evaluate(checkpoint, device="cpu")
    summary = json.loads((checkpoint / "evaluation/data_summary.json").read_text())
    messages = [str(one.message) for one in caught if str(one.message).startswith("data.val: ")]
    assert summary["warnings"] == messages
    return messages, summary["evaluated"]


def test_masks_of_0_and_255_are_told_as_in_training(tmp_path):
    messages, evaluated = warnings_and_summary(masks(tmp_path, (0, 255), ["background", "object"]))
    assert messages[:2] == [
        "data.val: the class 'background' fills all known pixels of the targets: a model that predicts it everywhere "
        "scores 1.0.",
        "data.val: the class 'object' (of 2) occurs in no image.",
    ]
    assert len(messages) == 3
    assert "If 255 is object, set void: [] and label_map: {0: background, 255: object}" in messages[2]
    assert evaluated["void"] == 0.5
    assert evaluated["classes"] == {
        "background": {"segments": 1, "pixels": 0.5},
        "object": {"segments": 0, "pixels": 0.0},
    }


def test_nothing_to_measure_is_told_with_a_way_out(tmp_path):
    messages, evaluated = warnings_and_summary(masks(tmp_path, (255, 255), ["background", "object"]))
    assert messages[0].startswith("data.val: no target counted for 'mean_iou'")
    assert messages[1].startswith("data.val: nothing can be measured: all pixels of the only image are void. ")
    assert len(messages) == 2
    assert evaluated["void"] == 1


def test_sound_masks_are_summarized_without_a_word(tmp_path):
    messages, evaluated = warnings_and_summary(masks(tmp_path, (0, 1), ["background", "object"]))
    assert messages == []
    assert evaluated["images"] == 1


def test_predictions_are_not_written_among_others(checkpoint, tmp_path):
    folder = tmp_path / "predictions"
    (folder / "panoptic").mkdir(parents=True)
    with pytest.raises(DataError) as caught:
        segkit.evaluate(checkpoint, output=tmp_path, save_predictions=True)
    assert str(caught.value) == (
        f"{folder}: holds panoptic results already (panoptic). Give another --output, or remove them."
    )


def test_overlays_replace_those_of_an_evaluation_alone(checkpoint, tmp_path):
    drawing = tmp_path / "overlays" / "a_semantic.png"
    drawing.parent.mkdir()
    drawing.touch()
    with pytest.raises(DataError, match="holds semantic results already"):
        segkit.evaluate(checkpoint, output=tmp_path, overlays=1)
    assert drawing.exists()
    (tmp_path / "metrics.json").touch()
    segkit.evaluate(checkpoint, output=tmp_path, overlays=1)
    assert not drawing.exists()


def test_what_cannot_be_evaluated_is_refused_before_anything_is_written(checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match="no such folder"):
        segkit.evaluate(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="device 'gpu' cannot be used here"):
        segkit.evaluate(checkpoint, output=tmp_path / "out", device="gpu")
    with pytest.raises(ConfigError, match="window"):
        segkit.evaluate(checkpoint, output=tmp_path / "out", window=33)
    assert not (tmp_path / "out").exists()
