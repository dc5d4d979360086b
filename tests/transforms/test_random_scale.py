import torch

from segkit.transforms.random_scale import RandomScale
from segkit.types import Sample


def of_size(height, width):
    return Sample(torch.zeros(3, height, width, dtype=torch.uint8), None, "a.png", "a")


def test_a_factor_of_one_fits_the_size():
    scale = RandomScale(size=(100, 100), min_factor=1, max_factor=1)
    assert scale(of_size(50, 200)).size == (25, 100)
    assert scale(of_size(200, 50)).size == (100, 25)
    assert scale(of_size(10, 10)).size == (100, 100)


def test_factors_fill_their_bounds():
    torch.manual_seed(0)
    scale = RandomScale(size=(100, 100), min_factor=0.5, max_factor=2)
    sizes = [scale(of_size(32, 32)).size[0] for _ in range(200)]
    assert 50 <= min(sizes) < 60
    assert 190 < max(sizes) <= 200


def test_nothing_becomes_smaller_than_a_pixel():
    scale = RandomScale(size=(10, 10), min_factor=0.1, max_factor=0.1)
    assert scale(of_size(4, 400)).size == (1, 1)


def test_image_and_target_stay_together(sample):
    torch.manual_seed(0)
    scaled = RandomScale(size=(48, 64))(sample)
    assert scaled.target.size == scaled.size
    assert scaled.target.valid.shape == scaled.size
