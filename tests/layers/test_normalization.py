"""Pixels to normalized images."""

import pytest
import torch

from segkit.errors import DataError
from segkit.layers.normalization import PixelNormalization


def test_values_are_normalized_by_channel_and_padding_is_zero():
    normalize = PixelNormalization((100.0, 50.0, 0.0), (50.0, 25.0, 1.0))
    images = torch.full((2, 3, 4, 6), 150, dtype=torch.uint8)
    normalized = normalize(images, [(4, 6), (2, 3)])
    assert normalized[0, :, 0, 0].tolist() == [1, 4, 150]
    assert normalized[1, :, 1, 2].tolist() == [1, 4, 150]
    assert not normalized[1, :, 2:].any()
    assert not normalized[1, :, :, 3:].any()
    assert torch.equal(normalize(images)[1], normalized[0])
    assert normalized.is_contiguous(memory_format=torch.channels_last)


def test_mean_and_deviation_are_not_saved():
    assert list(PixelNormalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).state_dict()) == []


def test_float_images_are_refused():
    with pytest.raises(DataError) as caught:
        PixelNormalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))(torch.zeros(1, 3, 2, 2))
    assert str(caught.value) == (
        "images: the model takes uint8 RGB values from 0 to 255, not torch.float32. Pass the pixels as they are "
        "stored; the model normalizes them itself."
    )
