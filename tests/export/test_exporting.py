"""Whole exports of tiny models, each checked on five sizes and batches of 1 and 3."""

import sys
from dataclasses import replace

import pytest
import torch

import segkit
from segkit.build import build_model, dataset_classes
from segkit.checkpoint import save_checkpoint
from segkit.errors import ExportError, MissingExtraError, WriteError
from segkit.export import exporting
from segkit.export.exporting import export_checkpoint
from segkit.export.formats import FORMATS, open_exported
from segkit.export.parity import Parity
from segkit.export.predictor import ExportedPredictor
from tests.helpers.disk import files_of_at_most
from tests.helpers.tiny import write_tiny

OBJECTS = (
    "postprocessors=[{type: semantic}, {type: instance, max_instances: 20},"
    "{type: panoptic, score_threshold: 0, overlap_threshold: 0.2}]"
)
SWIN = (
    "{type: timm, name: swin_tiny_patch4_window7_224,"
    " options: {embed_dim: 24, depths: [2, 2, 2, 2], num_heads: [1, 2, 2, 2]}}"
)
SWINV2 = SWIN.replace("swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256")
VIT = (
    "{type: vit_pyramid, name: vit_tiny_patch16_224, hidden_dim: 16, options: {embed_dim: 24, depth: 2, num_heads: 2}}"
)

DINOV3 = (
    "{type: vit_pyramid, name: vit_small_patch16_dinov3, hidden_dim: 16,"
    " options: {embed_dim: 24, depth: 2, num_heads: 2}}"
)


def make_checkpoint(folder, *overrides, model="mask_former"):
    config = segkit.load_config(write_tiny(folder, model), list(overrides))
    torch.manual_seed(0)
    save_checkpoint(folder / "checkpoint", build_model(config), config, dataset_classes(config))
    return folder / "checkpoint"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("export"), OBJECTS)


def assert_equal(parity):
    assert parity.difference <= 1e-4
    assert parity.agreement >= 0.999
    assert parity.images == 20


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_onnx(checkpoint, tmp_path, task):
    file = tmp_path / "model.onnx"
    assert_equal(export_checkpoint(checkpoint, file, task=task))
    image = torch.randint(256, (3, 45, 71), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    expected = segkit.Predictor(checkpoint, task, device="cpu")(image)
    found = ExportedPredictor(file)(image)
    assert found.size == (45, 71)
    for name, values in expected.numpy().items():
        torch.testing.assert_close(torch.from_numpy(found.numpy()[name]), torch.from_numpy(values), msg=name)
    info = open_exported(file).info
    assert (info.task, info.classes) == (task, segkit.checkpoint.read_classes(checkpoint))
    assert info.made_with["segkit"] == segkit.__version__


def test_torch(checkpoint, tmp_path):
    file = tmp_path / "model.pt2"
    assert_equal(export_checkpoint(checkpoint, file, format="torch", task="panoptic"))
    assert open_exported(file).info.task == "panoptic"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mask_former with transformer_fpn", "per_pixel", "per_pixel with queries"])
def test_other_models(tmp_path, model):
    assert_equal(export_checkpoint(make_checkpoint(tmp_path, model=model), tmp_path / "model.onnx"))


@pytest.mark.slow
@pytest.mark.parametrize("backbone", [VIT, DINOV3, SWIN, SWINV2], ids=["vit", "dinov3", "swin", "swinv2"])
def test_other_backbones(tmp_path, backbone):
    checkpoint = make_checkpoint(tmp_path, f"model.backbone={backbone}")
    assert_equal(export_checkpoint(checkpoint, tmp_path / "model.onnx"))


@pytest.mark.slow
def test_windows_that_are_one_in_all_of_a_narrow_range(tmp_path):
    """What is constant in the range is none in the trace, which is of a wider one."""
    checkpoint = make_checkpoint(tmp_path, f"model.backbone={SWIN}")
    assert_equal(export_checkpoint(checkpoint, tmp_path / "model.pt2", format="torch", size="64-200"))


def test_a_file_that_differs_is_not_left_behind(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "check_parity", lambda *arguments: Parity(difference=0.1, images=20))
    (tmp_path / "model.pt2").write_text("an earlier one")
    with pytest.raises(ExportError, match=r"model\.pt2: differs from the model \(20 images"):
        export_checkpoint(checkpoint, tmp_path / "model.pt2", format="torch", size="48x64")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("model.pt2", "an earlier one")]


@pytest.mark.parametrize("format", ["onnx", "torch"])
def test_a_full_disk_leaves_no_half_file(checkpoint, tmp_path, format):
    file = tmp_path / f"model{FORMATS[format].suffix}"
    with files_of_at_most(50_000), pytest.raises(WriteError) as error:
        export_checkpoint(checkpoint, file, format=format, size="48x64")
    assert str(error.value) == f"{file}: cannot be written (File too large)."
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_other_images_than_rgb(tmp_path):
    numbers = [f"model.{name}=[1, 2, 3, 4]" for name in ("pixel_mean", "pixel_std")]
    checkpoint = make_checkpoint(tmp_path, *numbers)
    with pytest.raises(ExportError) as caught:
        export_checkpoint(checkpoint, tmp_path / "model.onnx")
    assert str(caught.value) == (
        f"{checkpoint}: its model takes images of 4 channels of uint8, but exported files take RGB of 8 bits. It "
        "cannot be exported; use the checkpoint itself."
    )


def test_a_written_file_that_cannot_be_run(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setitem(
        exporting.FORMATS, "onnx", replace(FORMATS["onnx"], write=lambda program, path, *_: path.touch())
    )
    with pytest.raises(
        ExportError, match=r"m\.onnx: the written file cannot be run \(.*No file was written\. Use --format torch"
    ):
        export_checkpoint(checkpoint, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_found_first(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError) as error:
        export_checkpoint(tmp_path / "none", tmp_path / "model.onnx")
    assert str(error.value) == "the package 'onnx' is missing. Install segkit's extra: pip install 'segkit[export]'"


def test_the_suffix_must_fit(checkpoint, tmp_path):
    with pytest.raises(ExportError) as error:
        export_checkpoint(checkpoint, tmp_path / "model.pt2")
    assert str(error.value) == f"{tmp_path}/model.pt2: a file of --format onnx ends in .onnx."


def test_transforms_that_no_file_can_name(tmp_path):
    folder = make_checkpoint(tmp_path, "data.val.transforms=[{type: photometric_distortion}]")
    with pytest.raises(ExportError) as error:
        export_checkpoint(folder, tmp_path / "model.onnx")
    assert str(error.value) == (
        f"{folder}/config.yaml: data.val.transforms: an exported file cannot name 'photometric_distortion', but only "
        "resize, resize_shortest_edge, pad. Remove it, or apply it to the images yourself."
    )


@pytest.mark.parametrize("size", ["100000x100000", "30000-40000"])
def test_images_that_do_not_fit_into_the_memory(checkpoint, tmp_path, size):
    with pytest.raises(ExportError, match=r"3 images of \d+ x \d+ pixels, .* do not fit into the memory"):
        export_checkpoint(checkpoint, tmp_path / "model.onnx", size=size)
    assert not list(tmp_path.iterdir())
