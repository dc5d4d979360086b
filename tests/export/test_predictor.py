"""The predictor of exported files, on a file that is a function."""

import pytest
import torch

from segkit.classes import Classes
from segkit.errors import ConfigError, DataError, ExportError
from segkit.export import predictor as module
from segkit.export.metadata import FileInfo
from segkit.export.predictor import ExportedPredictor
from segkit.export.size_range import SizeRange
from segkit.types import ImageSizes

CLASSES = Classes.make(["sky", "car"], things=[False, True])
SIZES = SizeRange((9, 9), (64, 64))


class File:
    def __init__(self, info):
        self.info = info
        self.shapes = []

    def __call__(self, images):
        self.shapes.append(tuple(images.shape))
        batch, _, height, width = images.shape
        if self.info.task == "semantic":
            return {"label_map": (images[:, 0] > 127).long()}
        masks = torch.ones(batch, 3, height, width, dtype=torch.bool)
        scores = torch.tensor([0.9, 0.4, 0.0]).expand(batch, -1)
        labels = torch.tensor([1, 1, -1]).expand(batch, -1)
        return {"labels": labels, "scores": scores, "masks": masks, "num_instances": torch.full((batch,), 2)}


@pytest.fixture
def predict(monkeypatch):
    def make(task="semantic", settings=None, **info):
        file = File(FileInfo(task, CLASSES, SIZES, **info))
        monkeypatch.setattr(module, "open_exported", lambda path: file)
        return ExportedPredictor("a.onnx", **(settings or {}))

    return make


def image(height=20, width=30):
    return torch.randint(256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_images_of_one_size_go_through_together(predict):
    predictor = predict()
    images = [image(), image(), image(21, 30)]
    outcomes = list(predictor.predict_many(images, batch_size=2))
    for outcome, one in zip(outcomes, images, strict=True):
        assert torch.equal(outcome.result.label_map, (one[0] > 127).long())
    assert predictor.file.shapes == [(2, 3, 20, 30), (1, 3, 21, 30)]


def test_padded_batches_are_taken_apart(predict):
    model = predict().model
    images = torch.stack([torch.nn.functional.pad(image(), (0, 2, 0, 4)), image(24, 32)])
    prediction = model(images, [(20, 30), (24, 32)])
    results = predict().postprocessor(prediction, [ImageSizes((24, 32), size, size) for size in [(20, 30), (24, 32)]])
    assert [result.size for result in results] == [(20, 30), (24, 32)]


def test_a_size_outside_the_range(predict):
    predictor = predict()
    with pytest.raises(DataError) as error:
        predictor(image(20, 65))
    assert str(error.value) == (
        "image (65x20): the exported file takes heights and widths of 9 to 64 pixels. Resize the image, or export the "
        "checkpoint for other sizes."
    )
    assert [outcome.error is None for outcome in predictor.predict_many([image(), image(8, 20)])] == [True, False]
    with pytest.raises(DataError):
        predictor.model(torch.zeros(1, 3, 80, 80, dtype=torch.uint8))


def test_transforms_of_the_config(predict):
    predictor = predict(transforms=[{"type": "resize", "size": [10, 15]}])
    assert predictor(image()).size == (20, 30)
    assert predictor.file.shapes == [(1, 3, 10, 15)]


@pytest.mark.parametrize("part", [{"type": "random_flip"}, {}, {"type": "resize"}, {"type": "resize", "sizes": 3}, 7])
def test_transforms_that_are_not_run(predict, part):
    with pytest.raises(
        ExportError, match=r"^a\.onnx: its metadata cannot be read \(.*\)\. Export the checkpoint again"
    ):
        predict(transforms=[part])


def test_score_thresholds(predict):
    found = {"score_threshold": 0.1, "shown_score": 0.5}
    assert len(predict("instance", **found)(image()).labels) == 1
    assert len(predict("instance", {"score_threshold": 0.2}, **found)(image()).labels) == 2
    assert len(predict("instance", **found)(image(), score_threshold=0.95).labels) == 0
    with pytest.raises(ConfigError) as error:
        predict("instance", {"score_threshold": 0.05}, **found)
    assert str(error.value) == (
        "a.onnx: score_threshold: the file leaves out instances below 0.1, so 0.05 has no effect. Export the "
        "checkpoint with a lower one."
    )


def test_fixed_thresholds(predict):
    with pytest.raises(ConfigError) as error:
        predict("semantic", {"score_threshold": 0.5})
    assert str(error.value) == (
        "a.onnx: thresholds of the task 'semantic' were fixed when the file was exported. Leave them out, or set them "
        "in the config and export the checkpoint again."
    )
