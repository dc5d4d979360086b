"""Samples and batches."""

import pytest
import torch

from segkit.types import Batch, ImageSizes, Sample
from tests.helpers.targets import empty_target, map_target


def test_a_sample_has_the_size_of_its_image():
    assert Sample(torch.zeros(3, 4, 6, dtype=torch.uint8), None, "a.png", 1).size == (4, 6)


def make_batch():
    sizes, images = ImageSizes((2, 3), (2, 3), (2, 3)), torch.zeros(2, 3, 2, 3, dtype=torch.uint8)
    return Batch(images, [sizes] * 2, [map_target(), empty_target(True)], ["a.png"] * 2, [1, 2])


def test_all_tensors_are_pinned(monkeypatch):
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor)
    batch = make_batch().pin_memory()
    assert len(pinned) == 1 + sum(len(target.tensors) for target in batch.targets)
    assert pinned[0] is batch.images


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="memory is pinned for a GPU")
def test_pinned_memory():
    batch = make_batch().pin_memory()
    assert batch.images.is_pinned()
    assert batch.targets[0].segment_map.is_pinned()
    assert batch.targets[0].valid is None
    assert len(batch.targets[1]) == 0
