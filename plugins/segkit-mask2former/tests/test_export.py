"""The parts trace for any size, with gathers in the place of grid samples."""

from pathlib import Path

import pytest
import torch
from segkit_mask2former.masked_attention import MaskedAttentionDecoder
from segkit_mask2former.msdeform import MSDeform

import segkit
from segkit.backbones.timm import TimmBackbone
from segkit.build import dataset_classes
from segkit.checkpoint import save_checkpoint
from segkit.classes import Classes
from segkit.export.exporting import export_checkpoint
from segkit.export.program import ExportProgram, example_images
from segkit.export.size_range import SizeRange
from segkit.export.tasks import TASKS
from segkit.export.tracing import trace
from segkit.models.mask_former import MaskFormer
from segkit.postprocessors.semantic import Semantic


@pytest.mark.slow
def test_the_model_traces():
    torch.manual_seed(0)
    backbone = TimmBackbone(name="resnet18")
    pixel_decoder = MSDeform(
        backbone.features, hidden_dim=16, mask_dim=8, num_layers=1, num_heads=2, feedforward_dim=16
    )
    torch.nn.init.normal_(pixel_decoder.layers[0].attention.offsets.weight)
    decoder = MaskedAttentionDecoder(
        pixel_decoder.memory, 8, 3, num_queries=5, num_layers=3, num_heads=2, hidden_dim=16, feedforward_dim=16
    )
    model = MaskFormer(backbone, pixel_decoder, decoder).eval()
    program = ExportProgram(model, TASKS["semantic"], Semantic(Classes.make(["sky", "sea", "car"])))
    traced = trace(program, SizeRange((33, 33), (512, 512)))
    names = {str(node.target) for node in traced.graph.nodes}
    assert not [name for name in names if "grid_sampler" in name or "embedding_bag" in name]
    for batch, height, width in ((1, 40, 65), (3, 100, 64)):
        images = example_images(batch, height, width)
        prediction = model(
            torch.nn.functional.pad(images, (0, -width % 32, 0, -height % 32)), [(height, width)] * batch
        )
        found = traced.module()(images)
        torch.testing.assert_close(found["class_logits"], prediction.class_logits, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found["mask_logits"], prediction.mask_logits, rtol=1e-4, atol=1e-4)


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
