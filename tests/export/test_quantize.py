"""ONNX files in other precisions, and the images that their ranges come from."""

import tempfile

import pytest
import torch
from torch import nn

import segkit
from segkit.classes import Classes
from segkit.errors import ExportError, WriteError
from segkit.export.calibration import calibration_images
from segkit.export.metadata import FileInfo
from segkit.export.onnx_file import OnnxFile, write_onnx
from segkit.export.parity import relative_difference
from segkit.export.program import ExportProgram, example_images
from segkit.export.quantize import convert
from segkit.export.size_range import SizeRange
from segkit.export.tasks import TASKS
from segkit.export.tracing import trace
from segkit.models._base import SegmentationModel
from segkit.postprocessors.semantic import Semantic
from segkit.types import PixelPrediction
from tests.helpers.disk import files_of_at_most
from tests.helpers.tiny import write_tiny

INFO = FileInfo("semantic", Classes.make(["sky", "sea"]), SizeRange((9, 9), (64, 64)))


class Small(SegmentationModel):
    size_divisor = 4

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, 5, 4, 2), nn.ReLU(), nn.Conv2d(32, 32, 3, 1, 1), nn.Conv2d(32, 2, 1)
        )
        self.linear = nn.Linear(2, 2)

    def forward(self, images, sizes=None):
        maps = self.layers(images.float() / 128 - 1)
        return PixelPrediction(self.linear(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("quantize") / "model.onnx"
    program = ExportProgram(Small().eval(), TASKS["semantic"], Semantic(INFO.classes))
    write_onnx(trace(program, INFO.sizes), path, INFO, ["label_map", "pixel_logits"])
    return path.read_bytes()


@pytest.mark.parametrize(("precision", "most", "least"), [("fp16", 0.01, 1e-6), ("int8", 0.2, 1e-4)])
def test_smaller_files(content, tmp_path, precision, most, least):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    images = example_images(2, 30, 41)
    before = OnnxFile(path)(images)
    info = FileInfo(INFO.task, INFO.classes, INFO.sizes, precision)
    convert(path, precision, info, [example_images(1, 32, 40, seed=seed) for seed in range(3)])
    after = OnnxFile(path)
    assert after.info == info
    assert len(path.read_bytes()) < len(content)
    outputs = after(images)
    assert {name: (output.dtype, output.shape) for name, output in outputs.items()} == {
        name: (output.dtype, output.shape) for name, output in before.items()
    }
    assert least < relative_difference(outputs["pixel_logits"], before["pixel_logits"]) < most


def test_ranges_of_each_run(content, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    convert(path, "int8-dynamic", INFO, [])
    assert b"DynamicQuantizeLinear" in path.read_bytes()


def test_no_images(content, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=r"^ONNX Runtime cannot convert the file to int8 \(.+\)\.$"):
        convert(path, "int8", INFO, [])
    assert path.read_bytes() == content


@pytest.mark.parametrize("precision", ["int8", "int8-dynamic"])
def test_a_full_disk(content, tmp_path, monkeypatch, precision):
    path, temporary = tmp_path / "model.onnx", tmp_path / "temporary"
    path.write_bytes(content)
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    images = [example_images(1, 32, 40, seed=seed) for seed in range(3)]
    with files_of_at_most(len(content) // 2), pytest.raises(WriteError) as error:
        convert(path, precision, INFO, images)
    assert str(error.value) == (
        f"ONNX Runtime cannot convert the file to {precision} (File too large). It writes beside the file and into "
        f"{temporary}: make room there, or name another folder by TMPDIR."
    )
    assert list(temporary.iterdir()) == []


def test_images_of_the_data(tmp_path):
    config = segkit.load_config(write_tiny(tmp_path))
    images = list(calibration_images(config, SizeRange((17, 17), (512, 512)), 5))
    assert [tuple(image.shape) for image in images] == [(1, 3, 64, 64)] * 5
    assert not torch.equal(images[0], images[1])
    (resized,) = calibration_images(config, SizeRange((40, 52), (40, 52)), 1)
    assert tuple(resized.shape) == (1, 3, 40, 52)


def test_a_config_without_data(tmp_path):
    config = segkit.load_config({"model": segkit.load_config(write_tiny(tmp_path))["model"]})
    with pytest.raises(ExportError, match="int8 measures the ranges of values with images, and the config names no da"):
        list(calibration_images(config, SizeRange((17, 17), (512, 512)), 5))
