"""Windows of random size out of resized images."""

import pytest
import torch

from segkit.errors import ConfigError
from segkit.registries import TRANSFORMS
from segkit.testing import check_transform
from segkit.types import Sample, Target

RandomWindow = TRANSFORMS.get("random_window")


def sample_of(height, width):
    rows = torch.arange(height)[:, None].expand(height, width)
    image = rows.expand(3, height, width).to(torch.uint8)
    target = Target(torch.arange(2), segment_map=(rows >= height // 2).to(torch.int16))
    return Sample(image, target, "a.png", 0)


def test_it_keeps_the_contract():
    check_transform(RandomWindow(probability=1, sizes=[40], least=8, most=30))


def test_windows_vary_within_the_bounds():
    torch.manual_seed(0)
    window = RandomWindow(probability=1, sizes=[40, 60], least=10, most=45)
    sizes = {window(sample_of(50, 80)).size for _ in range(60)}
    heights, widths = zip(*sizes, strict=True)
    assert min(heights) >= 10
    assert max(heights) <= 45
    assert min(widths) >= 10
    assert max(widths) <= 45
    assert len(set(heights)) > 10
    # A side of 40 pixels bounds the window, one of 60 does not.
    assert max(heights) > 40


def test_an_image_smaller_than_the_window_keeps_its_sides():
    window = RandomWindow(probability=1, sizes=[20], least=50, most=60)
    assert window(sample_of(20, 30)).size == (20, 30)


def test_about_the_given_fraction_is_cropped():
    torch.manual_seed(0)
    window = RandomWindow(probability=0.3, sizes=[20], least=10, most=10)
    cropped = sum(window(sample_of(50, 80)).size == (10, 10) for _ in range(200))
    assert 40 <= cropped <= 80


def test_the_target_is_cropped_with_the_image():
    torch.manual_seed(0)
    changed = RandomWindow(probability=1, sizes=[40], least=25, most=25)(sample_of(40, 40))
    assert changed.target.size == changed.size == (25, 25)
    assert torch.equal(changed.target.segment_map == 1, changed.image[0] >= 20)


def test_bounds_in_the_wrong_order():
    with pytest.raises(ConfigError) as caught:
        RandomWindow(least=5, most=4)
    assert str(caught.value) == "transform 'random_window': least: 5 is more than most, 4. Exchange them."
