"""Samples and batches."""

import pytest
import torch

from segkit.types import Batch, ImageSizes, Sample
from tests.helpers.targets import empty_target, map_target


def test_a_sample_has_the_size_of_its_image():
    assert Sample(torch.zeros(3, 4, 6, dtype=torch.uint8), None, "a.png", 1).size == (4, 6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="memory is pinned for a GPU")
def test_pinned_memory():
    sizes = ImageSizes((2, 3), (2, 3), (2, 3))
    images = torch.zeros(2, 3, 2, 3, dtype=torch.uint8)
    batch = Batch(images, [sizes] * 2, [map_target(), empty_target(True)], ["a.png"] * 2, [1, 2]).pin_memory()
    assert batch.images.is_pinned()
    assert batch.targets[0].segment_map.is_pinned()
    assert batch.targets[0].valid is None
    assert len(batch.targets[1]) == 0
