"""Folders as tools and publishers write them: each is read exactly, checked, trained on, evaluated and predicted.

The folders are those of `tests/helpers/dataset_folders.py`.
"""

import json
import re
import warnings

import numpy as np
import pytest

from segkit.build import build_part
from segkit.cli.main import main
from segkit.config.source import dump
from segkit.datasets._layouts import LAYOUTS
from segkit.ops.targets import label_map_of
from segkit.registries import DATASETS
from segkit.testing import check_dataset
from tests.helpers.dataset_folders import FORMATS, NAMES, TRAIN, VAL, scenes

MODEL = {
    "type": "mask_former",
    "backbone": {"type": "timm", "name": "resnet10t", "options": {"out_indices": [2, 3]}},
    "pixel_decoder": {"type": "fpn", "hidden_dim": 16, "mask_dim": 16},
    "transformer_decoder": {
        "type": "standard", "num_queries": 4, "num_layers": 1, "num_heads": 2, "hidden_dim": 16, "feedforward_dim": 16,
    },
}  # fmt: skip
EVALUATOR = {"semantic": "mean_iou", "instance": "average_precision"}


@pytest.fixture(scope="module", params=list(FORMATS))
def written(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    return request.param, FORMATS[request.param], FORMATS[request.param].write(root), root


def build(settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build_part(DATASETS, settings)


def scene_of(sample):
    return scenes(1, int(re.search(r"\d{6}", sample.file.rpartition("/")[2])[0]))[0]


def test_targets_are_those_of_the_scenes(written):
    name, format, settings, _ = written
    seen = []
    for one in settings.values():
        dataset = build(one)
        check_dataset(dataset)
        for index in range(len(dataset)):
            sample = dataset[index]
            if sample.file.endswith("empty.jpg"):
                assert len(sample.target) == 0
                continue
            scene = scene_of(sample)
            seen.append(scene.name)
            if format.task == "semantic":
                check_semantic(dataset, sample, scene)
            else:
                check_instances(dataset, sample, scene, single="penn_fudan" in name, inner=name == "cvat_voc")
    assert sorted(seen) == [scene.name for scene in scenes(TRAIN + VAL)]


def check_semantic(dataset, sample, scene):
    found = label_map_of(sample.target, -1).numpy()
    for box in scene.boxes:
        inner = found[box.slices][1:-1, 1:-1]  # the border may be void
        assert (inner == dataset.classes.index(NAMES[box.label])).all()
        found[box.slices] = -9
    (rest,) = np.unique(found[found != -9])
    assert dataset.classes.names[rest] in ("road", "background")


def check_instances(dataset, sample, scene, single, inner):
    order = sample.target.labels.argsort(stable=True)
    assert len(order) == 2
    for box, label, mask in zip(scene.boxes, sample.target.labels[order], sample.target.masks[order], strict=True):
        assert dataset.classes.names[label] == ("person" if single else NAMES[box.label])
        assert np.array_equal(mask.numpy(), without_border(box.mask) if inner else box.mask)


def without_border(mask):
    ys, xs = np.nonzero(mask)
    inner = np.zeros_like(mask)
    inner[ys.min() + 1 : ys.max(), xs.min() + 1 : xs.max()] = True
    return inner


def test_a_folder_is_recognized(written):
    name, _, settings, root = written
    type = settings["train"]["type"]
    folder = root / "VOC2012" if name == "voc" else root
    found = [one for one, layout in LAYOUTS.items() if layout.looks_like(folder)]
    assert found == ([] if type in ("mask_folder", "instance_folder") else [type])


def config_of(format, settings):
    return {
        "model": MODEL,
        "criterion": {"matcher": {"type": "hungarian"}, "losses": [{"type": "cross_entropy"}, {"type": "dice"}]},
        "postprocessors": [{"type": format.task}],
        "data": {
            "train": {"dataset": settings["train"], "batch_size": 2, "workers": 0},
            "val": {"dataset": settings["val"], "workers": 0},
        },
        "evaluators": [{"type": EVALUATOR[format.task]}],
        "training": {
            "steps": 10,
            "optimizer": {"type": "adamw", "lr": 1e-3},
            "schedule": {"type": "poly"},
            "log_every": 5,
        },
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_check_train_test_and_predict(written, tmp_path, capsys):
    _, format, settings, _ = written
    config, run = tmp_path / "a.yaml", tmp_path / "run"
    config.write_text(dump(config_of(format, settings)))
    sample = build(settings["val"])[0]
    assert main(["check", str(config)]) == 0
    assert main(["train", str(config), "--output", str(run)]) == 0
    assert main(["test", str(run), "--output", str(tmp_path / "test"), "--save-predictions"]) == 0
    assert main(["predict", str(run), sample.file, "--output", str(tmp_path / "predictions")]) == 0
    summary = json.loads((run / "data_summary.json").read_text())
    assert summary["learned"]["segments"] > 0
    metrics = json.loads((tmp_path / "test/metrics.json").read_text())
    assert metrics
    capsys.readouterr()
