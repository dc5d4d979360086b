"""`data.val` built once and evaluated often, and the errors before anything runs."""

import math
import threading

import pytest
import torch

from segkit.build import build_model, dataset_classes
from segkit.classes import Classes
from segkit.config import load_config
from segkit.data.sampling import sample_dataset
from segkit.data.tally import Tally
from segkit.errors import ConfigError, DataError
from segkit.evaluation import validation as validation_module
from segkit.evaluation.validation import Validation, unmeasured
from segkit.types import Metrics
from tests.helpers.counted import instances, mapped
from tests.helpers.tiny import empty_target, write_tiny


def validation(folder, *overrides, classes=None, **process):
    config = load_config(write_tiny(folder), list(overrides))
    return Validation(config, classes or dataset_classes(config), 16, **process)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    return build_model(load_config(write_tiny(tmp_path_factory.mktemp("model"))))


def test_every_run_starts_anew(tmp_path, model):
    ready = validation(tmp_path)
    seen = []
    first, second = ready.run(model, "cpu", progress=seen.append), ready.run(model, "cpu")
    assert first["mean_iou"].values == second["mean_iou"].values
    assert seen == [1, 1, 1]
    assert model.training


def test_the_names_of_the_metrics_are_known_before_a_run(tmp_path, model):
    ready = validation(tmp_path)
    metrics = ready.run(model, "cpu")
    assert ready.metric_names() == [name for one in metrics.values() for name in one.values]


def test_processes_divide_the_images(tmp_path, model):
    seen = [[], []]
    for rank, files in enumerate(seen):
        part = validation(tmp_path, rank=rank, num_processes=2)
        part.run(model, "cpu", on_result=lambda batch, index, result, files=files: files.append(batch.files[index]))
    assert sorted(set(seen[0] + seen[1])) == [f"shapes_1_0000{index}" for index in range(3)]
    assert not set(seen[0]) & set(seen[1])


NAN = {"average_precision": Metrics({"ap": math.nan, "ar": math.nan}, {}), "mean_iou": Metrics({"mean_iou": 1.0}, {})}


@pytest.mark.parametrize(
    ("targets", "reason"),
    [
        ([], "the targets of 0 images have no segment"),
        ([empty_target((1, 4))], "the targets of 1 image have no segment"),
        ([mapped([-1, -1])] * 2, "all pixels of the targets of 2 images are void"),
        ([instances(crowds=[1, 1])], 'the targets of 1 image have 2 annotations, all of them crowds ("iscrowd": 1)'),
        ([mapped([0, 1])], "the targets of 1 image have 2 segments, but none that this evaluator measures"),
    ],
)
def test_metrics_of_nothing_are_explained(targets, reason):
    tally = Tally(num_classes=2)
    for target in targets:
        tally.add(target)
    assert unmeasured(NAN, tally, Classes.make(["sky", "car"])) == [
        f"no target counted for 'average_precision', so its metrics are nan: {reason}."
    ]


def test_metrics_of_a_single_class_are_explained(tmp_path, model):
    tally = Tally(num_classes=2)
    tally.add(mapped([0, 0, -1]))
    assert unmeasured({}, tally, Classes.make(["sky", "car"])) == [
        "the class 'sky' fills all known pixels of the targets: a model that predicts it everywhere scores 1.0."
    ]


def test_a_run_counts_its_targets(tmp_path, model):
    ready = validation(tmp_path)
    ready.run(model, "cpu")
    assert ready.tally.images == 3
    assert ready.tally.to_dict(ready.classes) == sample_dataset(ready.dataset).tally.to_dict(ready.classes)


def test_without_data_there_is_nothing_to_evaluate(tmp_path):
    with pytest.raises(ConfigError) as caught:
        validation(tmp_path, "data.val=null")
    assert str(caught.value) == (
        f"{tmp_path}/tiny.yaml: data.val: the section is missing. An evaluation needs a dataset."
    )


def test_without_evaluators_there_is_nothing_to_compute(tmp_path):
    with pytest.raises(ConfigError) as caught:
        validation(tmp_path, "evaluators=[]", "training=null")
    assert str(caught.value) == (
        f"{tmp_path}/tiny.yaml: evaluators: there are none. Name at least one, such as {{type: mean_iou}}."
    )


def test_an_evaluator_without_results_is_refused(tmp_path):
    with pytest.raises(ConfigError) as caught:
        validation(tmp_path, "postprocessors=[{type: semantic}]")
    assert str(caught.value) == (
        "evaluators: 'panoptic_quality' takes a PanopticResult, which no postprocessor gives. There are: 'semantic' "
        "gives SemanticResult"
    )


def test_a_dataset_of_other_classes_is_refused(tmp_path):
    with pytest.raises(ConfigError) as caught:
        validation(tmp_path, classes=Classes.make(["sky", "road"]))
    assert str(caught.value) == (
        f"{tmp_path}/tiny.yaml: data.val: the dataset has other classes than the model ("
        "8 classes there, 2 here; only there: 'grass', 'sand', 'water', 'circle', 'square', 'triangle', 'star'; "
        "only here: 'road'). Name a dataset with the model's classes."
    )


def too_small(folder, *overrides, **process):
    """A validation whose smallest image is the second, and a model that no image of 32 x 32 goes through."""
    size = "data.val.dataset={type: shapes, length: 4, size: [32, 32]}"
    config = load_config(write_tiny(folder), [size, *overrides])
    model = build_model(load_config(config.path, ["model.backbone.options.out_indices=[3, 4]"]))
    assert model.size_divisor == 32
    return Validation(config, dataset_classes(config), 32, **process), model


SMALL = r"^data\.val: shapes_1_00001 \(32x32\): too small for the model\. Padded to 32x32 in a batch of 1, "


def test_an_image_that_is_too_small_shows_before_anything_is_evaluated(tmp_path):
    ready, model = too_small(tmp_path)
    state = torch.get_rng_state()
    with pytest.raises(DataError, match=SMALL):
        ready.try_smallest(model, {0: (32, 64), 1: (30, 20), 2: (64, 64)})
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_a_smallest_image_that_hangs_is_named(tmp_path, monkeypatch):
    ready, model = too_small(tmp_path, "data.val.timeout=0.2", "data.val.workers=1")
    monkeypatch.setattr(type(ready.dataset), "__getitem__", lambda dataset, index: threading.Event().wait())
    with pytest.raises(DataError, match=r"^data\.val: image 1 of the dataset is not loaded after 0\.2 seconds\. Check"):
        ready.try_smallest(model, {1: (32, 32)})


@pytest.mark.parametrize(
    ("overrides", "sizes"),
    [
        (["data.val.transforms=[{type: pad, size: [64, 64]}]"], {1: (32, 32)}),
        (["data.val.transforms=[{type: resize, size: [64, 64]}]"], {1: (32, 32)}),
        ([], {}),
        ([], {1: (129, 128)}),  # larger ones are not tried
    ],
)
def test_what_is_large_enough(tmp_path, overrides, sizes):
    ready, model = too_small(tmp_path, *overrides)
    ready.try_smallest(model, sizes)


@pytest.mark.parametrize("num_processes", [1, 3])
def test_the_batch_of_the_smallest_image_is_tried(tmp_path, num_processes, monkeypatch):
    seen = []
    monkeypatch.setattr(validation_module, "call_model", lambda model, images, sizes, files: seen.append(files))
    ready, model = too_small(tmp_path, "data.val.batch_size=2", num_processes=num_processes)
    ready.try_smallest(model, {3: (32, 32)})
    names = {1: ["shapes_1_00002", "shapes_1_00003"], 3: ["shapes_1_00000", "shapes_1_00003"]}
    assert seen == [names[num_processes]]
