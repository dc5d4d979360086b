"""Metrics of files in COCO's panoptic format: counted by hand, and by panopticapi."""

import json
import math

import numpy as np
import pytest
import torch
from benchmarking import evaluation
from benchmarking.case import Options, UnequalOutputs
from benchmarking.evaluation import PanopticFiles, our_metrics, panoptic_quality, require_equal_metrics
from benchmarking.inputs import CLASSES, annotated_target, numbered_segments
from benchmarking.peer import PEERS
from PIL import Image

from segkit.types import NO_SEGMENT, PanopticResult, Target

SMALL = Options(torch.device("cpu"), scale=0.125)
CAR, SKY = 3, 120


def row(labels, true, predicted_labels, predicted, crowd=None):
    """One row of pixels: true segment numbers (-1 void) and predicted ids (0 none)."""
    crowd = crowd or [False] * len(labels)
    target = Target(torch.tensor(labels), torch.tensor([true], dtype=torch.int16), is_crowd=torch.tensor(crowd))
    result = PanopticResult(
        torch.tensor([predicted], dtype=torch.int32), numbered_segments(torch.tensor(predicted_labels))
    )
    return target, result


def metrics_of(folder, *pairs):
    files = PanopticFiles(folder)
    files.write(*zip(*pairs, strict=True))
    return our_metrics(files)


def test_metrics_counted_by_hand(tmp_path):
    assert CLASSES.things[CAR]
    assert not CLASSES.things[SKY]
    half_right = row([CAR, SKY], [0, 0, 0, 1, 1, 1, 1, -1], [CAR, SKY], [1, 1, 0, 2, 2, 2, 0, 0])
    excused = row([CAR], [0, 0, 0, -1], [CAR], [1, 1, 0, 0], crowd=[True])
    imagined = row([SKY], [0, 0, 0, 0], [CAR, SKY], [1, 2, 2, 2])
    metrics = metrics_of(tmp_path, half_right, excused, imagined)

    things = {"pq": 2 / 3 / 1.5, "sq": 2 / 3, "rq": 1 / 1.5}  # one true positive, one false positive
    stuff = {"pq": 0.75, "sq": 0.75, "rq": 1.0}  # two true positives
    expected = {f"{name}_things": value for name, value in things.items()}
    expected |= {f"{name}_stuff": value for name, value in stuff.items()}
    expected |= {name: (things[name] + stuff[name]) / 2 for name in things}
    assert metrics == pytest.approx(expected, abs=1e-12)


def test_targets_as_their_own_predictions_are_perfect(tmp_path):
    targets = [annotated_target((64, 96), 9, seed) for seed in range(3)]
    results = [PanopticResult(target.segment_map.int() + 1, numbered_segments(target.labels)) for target in targets]
    metrics = metrics_of(tmp_path, *zip(targets, results, strict=True))
    assert len(metrics) == 9
    assert set(metrics.values()) == {1.0}


def test_files_are_in_cocos_panoptic_format(tmp_path):
    target, result = row([CAR, SKY], [0, 1, 1, NO_SEGMENT], [SKY], [0, 1, 1, 1], crowd=[True, False])
    files = PanopticFiles(tmp_path)
    files.write([target], [result])
    annotated, predictions = (json.loads(file.read_text()) for file in (files.target, files.predictions))
    assert annotated["categories"] == predictions["categories"]
    assert [category["id"] for category in annotated["categories"]] == list(CLASSES.ids)
    (entry,) = annotated["annotations"]
    car, sky = entry["segments_info"]
    assert (entry["image_id"], entry["file_name"]) == (0, "000000.png")
    assert {name: car[name] for name in ("category_id", "area", "iscrowd", "bbox")} == {
        "category_id": CAR,
        "area": 1,
        "iscrowd": 1,
        "bbox": [0, 0, 1, 1],
    }
    assert (sky["category_id"], sky["area"], sky["iscrowd"], sky["bbox"]) == (SKY, 2, 0, [1, 0, 2, 1])
    stored = np.array(Image.open(files.target_maps / "000000.png")).astype(int) @ [1, 256, 65536]
    assert stored.tolist() == [[car["id"], sky["id"], sky["id"], 0]]
    assert car["id"] > 65536
    assert (files.prediction_maps / predictions["annotations"][0]["file_name"]).is_file()


def test_the_drawn_predictions_are_neither_right_nor_hopeless():
    workload = panoptic_quality(SMALL, images=3)
    assert workload.work == "panoptic quality of 3 images of 64x64, 20 segments each, files to metrics"
    metrics = workload.ours()
    assert len(metrics) == 9
    assert all(0.1 < metric < 0.99 for metric in metrics.values())


@pytest.mark.parametrize("scale", [0.125, 0.01])
def test_both_programs_agree(scale):
    pytest.importorskip("panopticapi", reason=f"needs {PEERS['panopticapi']}")
    workload = panoptic_quality(Options(torch.device("cpu"), scale))
    workload.check()


def test_panopticapi_prints_nothing(capsys):
    pytest.importorskip("panopticapi", reason=f"needs {PEERS['panopticapi']}")
    workload = panoptic_quality(SMALL, images=3)
    workload.theirs()
    assert capsys.readouterr().out == ""


def test_a_wrong_metric_is_found(monkeypatch):
    workload = panoptic_quality(SMALL, images=3)
    metrics = workload.ours()
    monkeypatch.setattr(evaluation, "their_metrics", lambda files: metrics | {"sq_things": metrics["sq_things"] + 1e-8})
    with pytest.raises(UnequalOutputs, match=r"^sq_things: segkit's value is 0\.\d{10}, the peer's 0\.\d{10}$"):
        workload.check()


def test_what_is_unequal():
    require_equal_metrics({"pq": 0.5}, {"pq": 0.5 + 1e-12})
    for ours, theirs, message in (
        (0.25, 0.5, "pq: segkit's value is 0.2500000000, the peer's 0.5000000000"),
        (math.nan, 0.5, "pq: segkit's value is nan, the peer's 0.5000000000"),
    ):
        with pytest.raises(UnequalOutputs) as caught:
            require_equal_metrics({"pq": ours}, {"pq": theirs})
        assert str(caught.value) == message
