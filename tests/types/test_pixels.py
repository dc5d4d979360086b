import pytest
import torch

from segkit.types import PixelFormat, pixel_format_of


@pytest.mark.parametrize(
    ("shape", "dtype", "fits"),
    [
        ((1, 5, 2, 2), torch.uint16, True),
        ((5, 2, 2), torch.uint16, True),
        ((1, 3, 2, 2), torch.uint16, False),
        ((1, 5, 2, 2), torch.uint8, False),
        ((5, 2), torch.uint16, False),
    ],
)
def test_images_fit_by_channels_and_type(shape, dtype, fits):
    assert PixelFormat(5, "uint16").fits(torch.zeros(shape, dtype=dtype)) is fits


def test_what_publishes_no_format_is_rgb_of_8_bits():
    assert pixel_format_of(object()) == PixelFormat(3, "uint8")
    assert str(PixelFormat(1)) == "1 channel of uint8"
