"""ONNX files that cannot be used, and how the axes of good ones are named."""

import onnx
import pytest
import torch

from segkit.classes import Classes
from segkit.errors import ExportError
from segkit.export.metadata import KEY, FileInfo
from segkit.export.onnx_file import OnnxFile, write_onnx
from segkit.export.program import ExportProgram
from segkit.export.size_range import SizeRange
from segkit.export.tasks import TASKS
from segkit.export.tracing import trace
from segkit.models._base import SegmentationModel
from segkit.postprocessors.semantic import Semantic
from segkit.types import PixelPrediction

INFO = FileInfo("semantic", Classes.make(["sky", "sea"]), SizeRange((9, 9), (64, 64)))


class Brightness(SegmentationModel):
    size_divisor = 4

    def forward(self, images, sizes=None):
        return PixelPrediction(images[:, :2, ::4, ::4].float())


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    program = ExportProgram(Brightness(), TASKS["semantic"], Semantic(INFO.classes))
    write_onnx(trace(program, INFO.sizes), path, INFO, ["label_map", "pixel_logits"])
    return path


def test_a_file(file):
    opened = OnnxFile(file)
    assert opened.info == INFO
    images = torch.randint(256, (3, 3, 20, 31), dtype=torch.uint8)
    outputs = opened(images)
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {
        "label_map": (3, 20, 31),
        "pixel_logits": (3, 2, 5, 8),
    }
    assert torch.equal(outputs["pixel_logits"], images[:, :2, ::4, ::4].float())


def test_the_axes_have_names(file):
    graph = onnx.load(file).graph
    dims = [[one.dim_param or one.dim_value for one in value.type.tensor_type.shape.dim] for value in graph.input]
    assert dims == [["batch", 3, "height", "width"]]
    assert graph.output[0].type.tensor_type.shape.dim[1].dim_param == "height"


@pytest.mark.parametrize("length", [0, 100, -10])
def test_a_damaged_file(file, tmp_path, length):
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ExportError) as error:
        OnnxFile(damaged)
    message = str(error.value)
    assert message.startswith(f"{damaged}: ")
    assert "\n" not in message
    assert message.endswith(". Export the checkpoint again.") or "was not written by segkit export" in message


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_changed_bytes(file, tmp_path, place):
    """Most would be read as other numbers."""
    content = bytearray(file.read_bytes())
    content[int(len(content) * place)] ^= 1
    changed = tmp_path / "changed.onnx"
    changed.write_bytes(content)
    with pytest.raises(ExportError, match=r"changed\.onnx: .+ Export the checkpoint again\."):
        OnnxFile(changed)


def test_a_file_that_another_program_changed(file, tmp_path):
    model = onnx.load(file)
    model.doc_string = "other"
    changed = tmp_path / "changed.onnx"
    onnx.save(model, changed)
    with pytest.raises(ExportError) as error:
        OnnxFile(changed)
    assert str(error.value) == (
        f"{changed}: its bytes differ from the digest in its metadata. The file is damaged, or another program changed "
        "it. Export the checkpoint again. If you changed it yourself, remove its metadata 'segkit_sha256'."
    )
    onnx.helper.set_model_props(model, {KEY: INFO.to_json()})
    onnx.save(model, changed)
    assert OnnxFile(changed).info == INFO


def test_a_file_of_another_program(file, tmp_path):
    model = onnx.load(file)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ExportError) as error:
        OnnxFile(tmp_path / "other.onnx")
    assert str(error.value) == (
        f"{tmp_path}/other.onnx: was not written by segkit export: it has no metadata 'segkit'."
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", INFO.to_json().replace("semantic", "depth"), "[" * 100_000])
def test_damaged_metadata(file, tmp_path, text):
    model = onnx.load(file)
    onnx.helper.set_model_props(model, {KEY: text})
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(ExportError, match=r"odd\.onnx: its metadata cannot be read \(.+\)\. Export the checkpoint aga"):
        OnnxFile(tmp_path / "odd.onnx")


class Sorted(Brightness):
    def forward(self, images, sizes=None):
        return PixelPrediction(images.float().sort(dim=1, stable=True).values)


def test_an_operation_that_onnx_lacks(tmp_path):
    program = ExportProgram(Sorted(), TASKS["semantic"], Semantic(INFO.classes))
    with pytest.raises(ExportError) as error:
        write_onnx(trace(program, INFO.sizes), tmp_path / "model.onnx", INFO, ["label_map", "pixel_logits"])
    message = str(error.value)
    assert message.startswith("ONNX cannot hold the model: No ONNX function found for <OpOverload(op='aten.sort'")
    assert message.endswith(". Use --format torch.")
    assert not list(tmp_path.iterdir())
