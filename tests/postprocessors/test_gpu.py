"""On a GPU, where the plain lines run in place of the tricks for a CPU, results are the same."""

import pytest
import torch
from torch.nn.functional import interpolate

from segkit.classes import Classes
from segkit.postprocessors.instance import Instance
from segkit.postprocessors.panoptic import Panoptic
from segkit.postprocessors.semantic import Semantic
from segkit.types import ImageSizes, PixelPrediction, Prediction

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

CLASSES = Classes.make([f"class {index}" for index in range(30)], things=[index < 20 for index in range(30)])
SIZES = [ImageSizes((64, 96), (60, 91), (133, 201)), ImageSizes((64, 96), (64, 96), (64, 96))]
ROUNDING = 1e-3
"""Fraction of the pixels that rounding may decide otherwise."""


def prediction_on(device):
    """Forty queries, of which six are sure of a class; smooth masks."""
    generator = torch.Generator().manual_seed(0)
    masks = 8 * interpolate(torch.randn(2, 40, 4, 6, generator=generator), size=(16, 24), mode="bicubic")
    class_logits = torch.randn(2, 40, 31, generator=generator)
    class_logits[:, :6].scatter_add_(2, torch.arange(6)[None, :, None].expand(2, -1, -1), torch.full((2, 6, 1), 9.0))
    class_logits[:, 6:, -1] += 9
    return Prediction(class_logits.to(device), dense_mask_logits=masks.to(device))


def assert_same_map(found, expected):
    assert found.is_cuda
    assert len(expected.unique()) > 2
    assert (found.cpu() != expected).float().mean() < ROUNDING


def test_semantic():
    semantic = Semantic(CLASSES)
    pairs = zip(semantic(prediction_on("cuda"), SIZES), semantic(prediction_on("cpu"), SIZES), strict=True)
    for found, expected in pairs:
        assert_same_map(found.label_map, expected.label_map)


def test_semantic_of_a_per_pixel_model():
    logits = torch.randn(2, 30, 16, 24, generator=torch.Generator().manual_seed(0))
    semantic = Semantic(CLASSES)
    on_gpu, on_cpu = (semantic(PixelPrediction(logits.to(device)), SIZES) for device in ("cuda", "cpu"))
    for found, expected in zip(on_gpu, on_cpu, strict=True):
        assert_same_map(found.label_map, expected.label_map)


def test_panoptic():
    panoptic = Panoptic(CLASSES, overlap_threshold=0.1)
    pairs = zip(panoptic(prediction_on("cuda"), SIZES), panoptic(prediction_on("cpu"), SIZES), strict=True)
    for found, expected in pairs:
        assert_same_map(found.segment_map, expected.segment_map)
        assert [(one.id, one.label) for one in found.segments] == [(one.id, one.label) for one in expected.segments]


def test_instance():
    instance = Instance(CLASSES, score_threshold=0.3)
    pairs = zip(instance(prediction_on("cuda"), SIZES), instance(prediction_on("cpu"), SIZES), strict=True)
    for found, expected in pairs:
        assert found.masks.is_cuda
        assert len(expected.labels) > 2
        assert found.labels.tolist() == expected.labels.tolist()
        torch.testing.assert_close(found.scores.cpu(), expected.scores, rtol=0, atol=1e-4)
        assert (found.masks.cpu() != expected.masks).float().mean() < ROUNDING
