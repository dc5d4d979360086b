import pytest
import torch

from segkit.results.displayed import displayed


def test_rgb_stays_as_it_is():
    image = torch.randint(0, 256, (3, 4, 5), dtype=torch.uint8)
    assert displayed(image) is image


@pytest.mark.parametrize(
    ("channels", "dtype"), [(1, torch.uint8), (2, torch.uint16), (3, torch.uint16), (7, torch.uint16)]
)
def test_the_first_channels_are_stretched(channels, dtype):
    image = torch.stack([torch.arange(10, 20).reshape(2, 5) * (band + 1) for band in range(channels)]).to(dtype)
    shown = displayed(image)
    assert shown.shape == (3, 2, 5)
    assert shown.dtype == torch.uint8
    for band in shown:  # each by its own range; the extremes are cut
        assert torch.equal(band, shown[0])
        assert band.flatten().diff().min() > 0
        assert (band.min(), band.max()) == (0, 255)


def test_one_value_everywhere_is_black():
    assert not displayed(torch.full((5, 2, 2), 9000, dtype=torch.uint16)).any()
