"""A file that differs from its model is found out."""

import math

import pytest

from segkit.classes import Classes
from segkit.errors import ExportError
from segkit.export.metadata import FileInfo
from segkit.export.parity import Parity, check_parity
from segkit.export.program import ExportProgram
from segkit.export.size_range import SizeRange
from segkit.export.tasks import TASKS
from segkit.models._base import SegmentationModel
from segkit.postprocessors.semantic import Semantic
from segkit.types import PixelPrediction

CLASSES = Classes.make(["sky", "sea"])


class Brightness(SegmentationModel):
    size_divisor = 4

    def forward(self, images, sizes=None):
        return PixelPrediction(images[:, :2, ::4, ::4].float())


PROGRAM = ExportProgram(Brightness(), TASKS["semantic"], Semantic(CLASSES))


class File:
    """The program, with an error in its outputs."""

    info = FileInfo("semantic", CLASSES, SizeRange((9, 9), (512, 512)))

    def __init__(self, change):
        self.change = change

    def __call__(self, images):
        # The program is traced with batches of two. The model here takes any.
        outputs = PROGRAM(images)
        self.change(outputs)
        return outputs


def test_equal_outputs():
    parity = check_parity(File(lambda outputs: None), PROGRAM, CLASSES)
    assert (parity.difference, parity.agreement, parity.images) == (0, 1, 20)
    parity.require("a.onnx")


def test_other_logits():
    parity = check_parity(File(lambda outputs: outputs["pixel_logits"][-1].mul_(1.01)), PROGRAM, CLASSES)
    assert parity.difference == pytest.approx(0.01, rel=0.3)
    with pytest.raises(ExportError, match=r"^a\.onnx: differs from the model \(20 images: largest difference"):
        parity.require("a.onnx")


def test_other_results():
    parity = check_parity(File(lambda outputs: outputs["label_map"][0, :1].fill_(7)), PROGRAM, CLASSES)
    assert parity.difference == 0
    assert parity.agreement < 0.999
    with pytest.raises(ExportError, match=r"Allowed are 1e-04 and 99\.9%\. No file was written\.$"):
        parity.require("a.onnx")


def test_unsure_pixels_of_one_image(monkeypatch):
    """Noise decides between results that are equally likely: all images count together."""
    left = iter([0.99])
    monkeypatch.setattr("segkit.export.parity.agreement", lambda own, result: next(left, 1.0))
    parity = check_parity(File(lambda outputs: None), PROGRAM, CLASSES)
    assert 0.999 < parity.agreement < 1
    parity.require("a.onnx")


def test_nan_differs():
    parity = check_parity(File(lambda outputs: outputs["pixel_logits"][0].fill_(math.nan)), PROGRAM, CLASSES)
    with pytest.raises(ExportError):
        parity.require("a.onnx")


def test_the_text():
    assert str(Parity(3.2e-6, 0.99987, 20)) == (
        "20 images: largest difference of the logits 3.2e-06 of their scale, results equal on 99.987% of the pixels"
    )


def test_a_file_that_fails():
    def fail(outputs):
        raise RuntimeError("bad shape\nmore")

    with pytest.raises(ExportError) as error:
        check_parity(File(fail), PROGRAM, CLASSES)
    assert str(error.value) == (
        "the written file fails on 1 image of 9 x 23 pixels (bad shape). A part of the model does not suit all sizes: "
        "export a fixed size. No file was written."
    )
