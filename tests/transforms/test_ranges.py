"""Ranges whose bounds are exchanged."""

import re

import pytest

from segkit.errors import ConfigError
from segkit.transforms.photometric_distortion import PhotometricDistortion
from segkit.transforms.random_scale import RandomScale


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: RandomScale(size=(8, 8), min_factor=2.0, max_factor=0.5),
            "transform 'random_scale': min_factor: 2.0 is more than max_factor, 0.5. Exchange them.",
        ),
        (
            lambda: PhotometricDistortion(saturation=(1.5, 0.5)),
            "transform 'photometric_distortion': saturation: 1.5 is more than the highest factor, 0.5. Exchange them.",
        ),
    ],
)
def test_bounds_in_the_wrong_order_are_refused(build, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        build()
