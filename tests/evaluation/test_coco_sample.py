"""A training on real images of COCO with every evaluator: the files it writes score the same by COCO's own rules."""

import json
import math
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import segkit
from segkit.registries import EVALUATORS

pytestmark = pytest.mark.slow

IMAGES = 30
"""How many of the images that the model was trained on are evaluated."""
COCOS_ORDER = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
COCOS_ORDER += ("ar1", "ar10", "ar", "ar_small", "ar_medium", "ar_large")
NAMES = [entry.name for entry in EVALUATORS.entries() if entry.provider == "segkit"]

CONFIG = """
model:
  type: mask_former
  backbone: {type: timm, name: resnet18, options: {out_indices: [1, 2, 3]}}
  pixel_decoder: {type: fpn, hidden_dim: 32, mask_dim: 32}
  transformer_decoder:
    {type: standard, num_queries: 50, num_layers: 1, num_heads: 4, hidden_dim: 32, feedforward_dim: 64, dropout: 0}
criterion:
  matcher: {type: hungarian}
  losses: [{type: cross_entropy}, {type: focal, weight: 2}, {type: dice, weight: 2}]
postprocessors:
  - {type: semantic}
  - {type: instance, max_instances: 20}
  - {type: panoptic, score_threshold: 0.2, overlap_threshold: 0.3}
data:
  train: {dataset: DATASET, transforms: [{type: resize, size: [48, 48]}], batch_size: 10, workers: 0}
  val: {dataset: DATASET, transforms: [{type: resize, size: [48, 48]}], limit: 1, workers: 0}
evaluators: [EVALUATORS]
training:
  steps: 50
  optimizer: {type: adamw, lr: 3e-3, backbone_multiplier: 1}
  schedule: {type: poly, warmup_steps: 5}
  clip_gradients: 1
"""


@pytest.fixture(scope="module")
def sample(shared_data, tmp_path_factory):
    """The folder of the files, the metrics, and the annotations of the images that were evaluated."""
    source = shared_data / "coco_panoptic_sample"
    annotations = source / "annotations"
    settings = {"type": "coco_panoptic", "images": f"{source}/images/train2017"}
    settings |= {"annotations": f"{annotations}/panoptic_train2017.json", "masks": f"{annotations}/panoptic_train2017"}
    folder = tmp_path_factory.mktemp("coco")
    text = CONFIG.replace("DATASET", json.dumps(settings))
    text = text.replace("EVALUATORS", ", ".join(f"{{type: {name}}}" for name in NAMES))
    (folder / "coco.yaml").write_text(text)
    run = segkit.train(segkit.load_config(folder / "coco.yaml"), folder / "run")
    config = segkit.load_config(folder / "coco.yaml", [f"data.val.limit={IMAGES}"])
    metrics = segkit.evaluate(run / "last", config, output=folder, save_predictions=True, device="cpu")
    panoptic = json.loads((annotations / "panoptic_train2017.json").read_text())
    return SimpleNamespace(
        files=folder / "predictions", metrics=metrics, annotations=annotations, panoptic=panoptic, config=config
    )


def read_ids(file: Path) -> np.ndarray:
    """(H, W) segment ids of a panoptic PNG."""
    return np.asarray(Image.open(file).convert("RGB")).astype(np.int64) @ (1, 256, 65536)


def panoptic_pairs(sample):
    """(ids and segments of the target, ids and segments of the prediction) of every image that was evaluated."""
    targets = {entry["image_id"]: entry for entry in sample.panoptic["annotations"]}
    for entry in json.loads((sample.files / "panoptic.json").read_text())["annotations"]:
        target = targets[entry["image_id"]]
        yield (
            read_ids(sample.annotations / "panoptic_train2017" / target["file_name"]),
            target["segments_info"],
            read_ids(sample.files / "panoptic" / entry["file_name"]),
            entry["segments_info"],
        )


def test_every_evaluator_measured(sample):
    assert list(sample.metrics) == NAMES
    for metrics in sample.metrics.values():
        assert all(0 <= value <= 1 for value in metrics.values.values())
    assert sample.metrics["mean_iou"].values["mean_iou"] > 0
    assert sample.metrics["pq_st"].values["sq_st"] > 0


def test_instances_by_pycocotools(sample, capsys):
    coco = COCO(sample.annotations / "instances_train2017.json")
    results = json.loads((sample.files / "instances.json").read_text())
    assert len(results) > IMAGES
    evaluation = COCOeval(coco, coco.loadRes(str(sample.files / "instances.json")), "segm")
    content = json.loads((sample.files / "panoptic.json").read_text())
    evaluation.params.imgIds = [entry["image_id"] for entry in content["annotations"]]
    assert len(evaluation.params.imgIds) == IMAGES
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    values = sample.metrics["average_precision"].values
    assert [values[name] for name in COCOS_ORDER] == pytest.approx(evaluation.stats.tolist(), abs=1e-12)


def test_panoptic_files_by_the_rules_of_panopticapi(sample):
    counts = Counter()
    for target_ids, targets, ids, segments in panoptic_pairs(sample):
        count_segments(counts, target_ids, targets, ids, segments)
    quality = sample.metrics["panoptic_quality"]
    found = {}
    for category in sample.panoptic["categories"]:
        true, iou, wrong, missed = (counts[category["id"], what] for what in ("true", "iou", "wrong", "missed"))
        if true + wrong + missed:
            found[category["name"]] = iou / (true + (wrong + missed) / 2), category["isthing"]
    measured = {name: value for name, value in quality.per_class["pq"].items() if not math.isnan(value)}
    assert measured == pytest.approx({name: value for name, (value, _) in found.items()}, abs=1e-12)
    assert quality.values["pq"] == pytest.approx(np.mean([value for value, _ in found.values()]), abs=1e-12)
    things = [value for value, is_thing in found.values() if is_thing]
    assert quality.values["pq_things"] == pytest.approx(np.mean(things), abs=1e-12)
    assert len(things) < len(found)


def count_segments(counts, target_ids, targets, ids, segments):
    """Adds the true positives, their IoU, the false positives and the false negatives of an image, by category."""
    matched = set()
    for target in targets:
        here = target_ids == target["id"]
        for segment in segments:
            if segment["category_id"] != target["category_id"] or target["iscrowd"]:
                continue
            predicted = ids == segment["id"]
            iou = (here & predicted).sum() / (here | predicted & (target_ids != 0)).sum()
            if iou > 0.5:
                counts[target["category_id"], "true"] += 1
                counts[target["category_id"], "iou"] += iou
                matched |= {("target", target["id"]), ("segment", segment["id"])}
    for target in targets:
        if ("target", target["id"]) not in matched and not target["iscrowd"]:
            counts[target["category_id"], "missed"] += 1
    for segment in segments:
        category = segment["category_id"]
        excused = [0, *(one["id"] for one in targets if one["iscrowd"] and one["category_id"] == category)]
        below = target_ids[ids == segment["id"]]
        if ("segment", segment["id"]) not in matched and np.isin(below, excused).mean() <= 0.5:
            counts[category, "wrong"] += 1


def test_semantic_files_by_a_confusion_matrix(sample):
    categories = [category["id"] for category in sample.panoptic["categories"]]
    matrix = np.zeros((len(categories), len(categories)), dtype=np.int64)  # [target, predicted]
    place = np.full(256, -1)
    place[categories] = range(len(categories))
    content = json.loads((sample.files / "panoptic.json").read_text())["annotations"]
    for (target_ids, targets, _, _), entry in zip(panoptic_pairs(sample), content, strict=True):
        labels = np.full(target_ids.shape, -1)
        for target in targets:
            labels[target_ids == target["id"]] = place[target["category_id"]]
        predicted = place[np.asarray(Image.open(sample.files / "semantic" / entry["file_name"]))]
        np.add.at(matrix, (labels[labels >= 0], predicted[labels >= 0]), 1)
    metrics = sample.metrics["mean_iou"]
    rows = [list(row.values()) for row in metrics.confusion_matrix.values()]
    assert np.array_equal(matrix, rows)
    correct, annotated, predicted = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    present = annotated > 0
    iou = correct[present] / (annotated + predicted - correct)[present]
    assert metrics.values == pytest.approx(
        {
            "mean_iou": iou.mean(),
            "frequency_weighted_iou": (iou * annotated[present]).sum() / annotated.sum(),
            "pixel_accuracy": correct.sum() / annotated.sum(),
            "mean_accuracy": (correct[present] / annotated[present]).mean(),
        },
        abs=1e-12,
    )
