"""A predictor on a GPU gives the results of one on the CPU."""

import pytest
import torch

from segkit.build import build_model, dataset_classes
from segkit.checkpoint import save_checkpoint
from segkit.config import load_config
from segkit.inference.predictor import Predictor
from tests.helpers.tiny import write_tiny

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("window", [None, 32])
def test_a_gpu_gives_the_results_of_the_cpu(tmp_path, monkeypatch, window):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # its ten bits of mantissa would decide pixels
    torch.manual_seed(0)
    config = load_config(write_tiny(tmp_path))
    save_checkpoint(tmp_path / "last", build_model(config), config, dataset_classes(config))
    image = torch.randint(0, 256, (3, 50, 70), dtype=torch.uint8)

    on_gpu, on_cpu = (
        Predictor(tmp_path / "last", "semantic", device=device, window=window)(image).label_map
        for device in ("cuda", "cpu")
    )

    assert on_gpu.is_cuda
    assert (on_gpu.cpu() == on_cpu).float().mean() > 0.99
