import colorsys

import pytest
import torch

from segkit.transforms.photometric_distortion import PhotometricDistortion
from segkit.types import Sample

STILL = {"brightness": 0.0, "contrast": (1.0, 1.0), "saturation": (1.0, 1.0), "hue": 0.0}


def changed(color, times=200, **settings):
    """(times,3) float: results for a color; without settings, nothing changes."""
    torch.manual_seed(0)
    distort = PhotometricDistortion(**(STILL | settings))
    sample = Sample(torch.tensor(color, dtype=torch.uint8)[:, None, None].repeat(1, 2, 2), None, "a.png", "a")
    images = [distort(sample).image for _ in range(times)]
    assert all(torch.equal(image, image[:, :1, :1].expand(3, 2, 2)) for image in images)
    return torch.stack([image[:, 0, 0] for image in images]).float()


def test_brightness_is_added():
    difference = changed((100, 110, 120), brightness=32.0) - torch.tensor([100, 110, 120])
    assert (difference == difference[:, :1]).all()
    assert -32 <= difference.min() < -25
    assert 25 < difference.max() <= 32
    assert 70 < (difference[:, 0] == 0).sum() < 135  # about half the images, and a few that change by less than 1


def test_contrast_is_a_factor():
    factor = changed((40, 80, 160), contrast=(0.5, 1.5)) / torch.tensor([40, 80, 160])
    assert torch.allclose(factor[:, 1], factor[:, 2], atol=0.01)
    assert 0.5 <= factor.min() < 0.6
    assert 1.4 < factor.max() <= 1.5


def test_saturation_keeps_gray_and_spreads_colors():
    assert (changed((90, 90, 90), saturation=(0.5, 1.5)) == 90).all()
    spread = changed((80, 100, 120), saturation=(0.5, 1.5))
    spread = (spread.max(1).values - spread.min(1).values) / 40
    assert 0.48 < spread.min() < 0.6
    assert 1.4 < spread.max() < 1.52


def test_hue_turns_by_degrees():
    hues = [colorsys.rgb_to_hsv(*color)[0] * 360 for color in changed((200, 100, 100), hue=18.0).tolist()]
    hues = [hue - 360 if hue > 180 else hue for hue in hues]
    assert -19 < min(hues) < -14
    assert 14 < max(hues) < 19


def test_colors_stay_within_their_range():
    for color in ((255, 255, 250), (0, 5, 0)):
        torch.manual_seed(0)
        sample = Sample(torch.tensor(color, dtype=torch.uint8)[:, None, None], None, "a.png", "a")
        for _ in range(50):
            image = PhotometricDistortion()(sample).image
            assert image.dtype == torch.uint8
            assert (image.flatten().int() - torch.tensor(color)).abs().max() < 140  # 250 that wraps around would be 5


@pytest.mark.parametrize("seed", range(3))
def test_the_target_stays_and_the_seed_decides(sample, seed):
    results = []
    for _ in range(2):
        torch.manual_seed(seed)
        results.append(PhotometricDistortion()(sample))
    assert torch.equal(results[0].image, results[1].image)
    assert results[0].target is sample.target
