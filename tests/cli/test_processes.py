"""`segkit test` and `segkit predict` in two processes: the same files as in one."""

import json
import re

import pytest
import torch
from PIL import Image

from segkit.build import dataset_classes
from segkit.config import load_config
from tests.helpers.checkpoints import save_checkpoint_of_instances
from tests.helpers.forked import finish_forked, start_forked
from tests.helpers.launched import PREDICT, TEST, TORCHRUN, finish
from tests.test_parts import mask_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(torch.cuda.is_available(), reason="these start processes on a CPU"),
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo"),
]

PROCESSES = {"one": None, "two": 2}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Of random weights, whose instances have many equal scores."""
    folder = tmp_path_factory.mktemp("processes")
    return save_checkpoint_of_instances(folder, "{type: instance, max_instances: 4}")


def contents(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_an_evaluation_has_the_files_of_one_process(checkpoint, tmp_path):
    found = []
    for name, processes in PROCESSES.items():
        start_forked(processes, TEST, checkpoint, "--output", tmp_path / name, "--save-predictions", "--overlays", "2")
        found.append(contents(tmp_path / name))
    assert found[0] == found[1]
    assert sum(name.startswith("overlays/") for name in found[0]) == (2 + 2 + 1) * 3  # first, worst, best
    assert {"metrics.json", "predictions/instances.json", "predictions/panoptic.json"} <= found[0].keys()


@pytest.mark.parametrize("task", ["semantic", "instance"])
def test_a_prediction_has_the_files_of_one_process(checkpoint, tmp_path, task):
    """Also beside an image that cannot be read, which both name."""
    for place in ("x/a", "y/a", "x/b", "x/c"):
        (tmp_path / "images" / place).parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((64, 48), 90).convert("RGB").save(tmp_path / "images" / f"{place}.png")
    (tmp_path / "images/x/b.png").write_text("no image")
    found = []
    for name, processes in PROCESSES.items():
        images = [tmp_path / "images/x", tmp_path / "images/y"]
        options = ["--task", task, *(["--score-threshold", "0"] if task == "instance" else [])]
        done = finish_forked(processes, PREDICT, checkpoint, *images, "--output", tmp_path / name, *options)
        assert done.returncode == 1
        printed = rf"3 of 4 images segmented \({task}\), [\d.]+ images/s: {tmp_path / name}"
        renamed, last = done.stdout.strip().splitlines()
        assert renamed.startswith(f"images of one name: the results of {tmp_path}/images/y/a.png are called ")
        assert re.fullmatch(printed, last)
        assert done.stderr.count(f"error: {tmp_path}/images/x/b.png: ") == 1
        found.append(contents(tmp_path / name))
    assert found[0] == found[1]
    assert f"overlays/y_a_{task}.png" in found[0]


def test_an_error_of_one_process_ends_all_and_names_the_file(checkpoint, tmp_path):
    (tmp_path / "data").mkdir()
    dataset = {"type": "mask_folder", **mask_folder(tmp_path / "data"), "classes": dataset_names(checkpoint)}
    (tmp_path / "data/images/1.png").write_text("no image")
    words = [checkpoint, "--output", tmp_path / "out", "--save-predictions", "data.val.limit=null"]
    done = finish(*TORCHRUN, TEST, *words, f"data.val.dataset={json.dumps(dataset)}", "evaluators=[{type: mean_iou}]")
    assert done.returncode != 0
    assert done.stderr.count(f"error: {tmp_path}/data/images/1.png: ") == 1
    assert not (tmp_path / "out/metrics.json").exists()


def dataset_names(checkpoint):
    return list(dataset_classes(load_config(checkpoint)).names)
