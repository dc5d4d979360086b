"""Pixels to normalized images."""

import pytest
import torch

from segkit.errors import ConfigError, DataError
from segkit.layers.normalization import PixelNormalization, pixel_statistics


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


def test_values_of_16_bits_are_normalized_in_their_own_units():
    normalize = PixelNormalization((1000.0,), (500.0,), "uint16")
    assert normalize(torch.full((1, 1, 2, 2), 60000, dtype=torch.uint16))[0, 0, 0, 0] == 118


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            torch.zeros(1, 5, 2, 2, dtype=torch.uint8),
            "images: the model takes images of 5 channels of uint16, not torch.uint8. Pass the pixels as they are "
            "stored; the model normalizes them itself.",
        ),
        (
            torch.zeros(1, 3, 2, 2, dtype=torch.uint16),
            "images: the model takes (B, 5, H, W), 5 channels of uint16, not (1, 3, 2, 2). Its pixel_mean has a "
            "number for each channel.",
        ),
    ],
)
def test_images_of_another_format_are_refused(images, message):
    with pytest.raises(DataError) as caught:
        PixelNormalization((0.0,) * 5, (1.0,) * 5, "uint16")(images)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (((1.0,) * 5, None), "model.pixel_std: has 3 numbers, but model.pixel_mean has 5. Give both one number per "),
        ((None, ()), "model.pixel_std: the list is empty. Give one number per channel of the images."),
        (((1.0,), None, None, "uint16"), "model.pixel_type: the mean and deviation of images of uint16 are not known."),
    ],
)
def test_statistics_that_are_not_known_are_refused(settings, message):
    with pytest.raises(ConfigError) as caught:
        pixel_statistics(*settings[:2], None, *settings[3:])
    assert str(caught.value).startswith(message)


def test_published_statistics_fill_what_is_not_set():
    assert pixel_statistics(None, (7.0,), ((1.0,), (2.0,))) == ((1.0,), (7.0,))
