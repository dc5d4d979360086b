"""Resizing to a fixed size."""

import torch

from segkit.transforms.resize import Resize
from segkit.types import Sample, Target


def test_image_and_target_get_the_size():
    segment_map = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1]], dtype=torch.int16)
    sample = Sample(torch.full((3, 2, 4), 90, dtype=torch.uint8), Target(torch.tensor([5, 6]), segment_map), "a.png", 1)
    changed = Resize(size=(4, 6))(sample)
    assert changed.size == (4, 6)
    assert changed.image.unique().tolist() == [90]
    assert changed.target.segment_map.tolist() == [[0, 0, 0, 1, 1, 1]] * 4


def test_an_image_of_that_size_stays():
    sample = Sample(torch.zeros(3, 4, 6, dtype=torch.uint8), None, "a.png", 1)
    assert Resize(size=(4, 6))(sample) is sample
