"""Files of torch.export that cannot be used or written."""

import zipfile

import pytest
import torch

from segkit.classes import Classes
from segkit.errors import ExportError, WriteError
from segkit.export.metadata import FileInfo
from segkit.export.program import ExportProgram
from segkit.export.size_range import SizeRange
from segkit.export.tasks import TASKS
from segkit.export.torch_file import TorchFile, write_torch
from segkit.export.tracing import trace
from segkit.models._base import SegmentationModel
from segkit.postprocessors.semantic import Semantic
from segkit.runtime.writing import replace_file
from segkit.types import PixelPrediction
from tests.helpers.disk import files_of_at_most

INFO = FileInfo("semantic", Classes.make(["sky", "sea"]), SizeRange((9, 9), (64, 64)))


class Scaled(SegmentationModel):
    size_divisor = 4

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.arange(1.0, 3.0)[:, None, None])

    def forward(self, images, sizes=None):
        return PixelPrediction(images[:, :2, ::4, ::4].float() * self.scale)


@pytest.fixture(scope="module")
def program():
    return trace(ExportProgram(Scaled(), TASKS["semantic"], Semantic(INFO.classes)), INFO.sizes)


def test_changed_weights(program, tmp_path):
    path = tmp_path / "model.pt2"
    write_torch(program, path, INFO, [])
    assert TorchFile(path).info == INFO
    content = path.read_bytes()
    weights = torch.arange(1.0, 3.0).numpy().tobytes()
    assert content.count(weights) == 1
    path.write_bytes(content.replace(weights, weights[::-1]))
    with zipfile.ZipFile(path) as archive:
        part = archive.testzip()
    with pytest.raises(ExportError) as error:
        TorchFile(path)
    assert str(error.value) == (
        f"{path}: cannot be read as a program of torch.export (the checksum of its part {part} is wrong). The file is "
        f"damaged, or another version of torch than {torch.__version__} wrote it. Export the checkpoint again."
    )


def test_a_full_disk(program, tmp_path):
    path = tmp_path / "model.pt2"
    with pytest.raises(WriteError) as error, replace_file(path) as draft, files_of_at_most(1000):
        write_torch(program, draft, INFO, [])
    assert str(error.value) == f"{path}: cannot be written (File too large)."
    assert list(tmp_path.iterdir()) == []
