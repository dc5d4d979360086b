"""Postprocessors work in bands: no tensor on the way is of the order of queries x pixels."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from segkit.classes import Classes
from segkit.ops import resizing
from segkit.postprocessors.instance import Instance
from segkit.postprocessors.panoptic import Panoptic
from segkit.postprocessors.semantic import Semantic
from segkit.types import ImageSizes, PixelPrediction, Prediction

CLASSES = Classes.make([f"class {index}" for index in range(20)])
CHUNK = 1 << 14


class LargestFloats(TorchDispatchMode):
    """Notes the number of values of the largest tensor of floats that an operation returns."""

    def __init__(self):
        super().__init__()
        self.values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.is_floating_point():
            self.values = max(self.values, result.numel())
        return result


@pytest.mark.parametrize("output", [(256, 320), (100, 900)])
@pytest.mark.parametrize(
    "part",
    [
        Semantic(CLASSES),
        Panoptic(CLASSES, score_threshold=0.0),
        Instance(CLASSES, max_instances=40),
    ],
    ids=lambda part: type(part).__name__,
)
def test_queries(part, output, monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", CHUNK)
    generator = torch.Generator().manual_seed(0)
    masks = torch.randn(1, 40, 64, 80, generator=generator)
    prediction = Prediction(torch.randn(1, 40, 21, generator=generator), dense_mask_logits=masks)
    sizes = ImageSizes((256, 320), (250, 311), output)

    with LargestFloats() as largest:
        part(prediction, [sizes])

    assert largest.values <= max(masks.numel(), 8 * CHUNK)
    assert 40 * output[0] * output[1] > 10 * largest.values


def test_pixels(monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", CHUNK)
    logits = torch.randn(1, 20, 64, 80, generator=torch.Generator().manual_seed(0))

    with LargestFloats() as largest:
        Semantic(CLASSES)(PixelPrediction(logits), [ImageSizes((256, 320), (250, 311), (300, 400))])

    assert largest.values <= max(logits.numel(), 8 * CHUNK)
