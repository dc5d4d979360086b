"""The model traces for any size, with masked attention and without."""

from pathlib import Path

import pytest
import torch
from segkit_eomt.model import EoMT

import segkit
from segkit.build import dataset_classes
from segkit.checkpoint import save_checkpoint
from segkit.classes import Classes
from segkit.export.exporting import export_checkpoint
from segkit.export.program import ExportProgram, example_images
from segkit.export.size_range import SizeRange
from segkit.export.tasks import TASKS
from segkit.export.tracing import trace
from segkit.postprocessors.semantic import Semantic

SMALL = {"embed_dim": 32, "depth": 3, "num_heads": 2}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "masked"),
    [("vit_small_patch14_dinov2", 0.0), ("vit_small_patch14_dinov2", 1.0), ("vit_small_patch16_dinov3", 0.0)],
)
def test_the_model_traces(name, masked):
    torch.manual_seed(0)
    model = EoMT(num_classes=3, name=name, num_queries=5, num_blocks=2, options=SMALL).eval()
    model.annealing.probabilities.fill_(masked)
    program = ExportProgram(model, TASKS["semantic"], Semantic(Classes.make(["sky", "sea", "car"])))
    traced = trace(program, SizeRange((33, 33), (512, 512)))
    for batch, height, width in ((1, 40, 65), (3, 100, 56)):
        images = example_images(batch, height, width)
        divisor = model.size_divisor
        padded = torch.nn.functional.pad(images, (0, -width % divisor, 0, -height % divisor))
        prediction = model(padded, [(height, width)] * batch)
        torch.testing.assert_close(
            traced.module()(images)["class_logits"], prediction.class_logits, rtol=1e-4, atol=1e-5
        )


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["onnx", "pt2"])
def test_the_example_exports_and_agrees_with_the_model(tmp_path, suffix):
    config = segkit.load_config(Path(__file__).parents[1] / "configs/example.yaml")
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "checkpoint", segkit.build_model(config), config, dataset_classes(config))
    file = tmp_path / f"model.{suffix}"
    parity = export_checkpoint(tmp_path / "checkpoint", file, format="onnx" if suffix == "onnx" else "torch")
    assert file.exists()
    assert parity.difference <= 1e-4
