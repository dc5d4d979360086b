"""Transforms that move pixels take any channels; those of colors refuse them."""

import pytest
import torch

from segkit.config import load_config
from segkit.errors import ConfigError, DataError
from segkit.evaluation.pixel_formats import require_transforms
from segkit.registries import TRANSFORMS
from segkit.training.refusals import refusals
from segkit.types import PixelFormat, Sample
from tests.helpers.tiny import halves_target, write_tiny

VALUES = torch.randint(0, 60000, (1, 48, 64), generator=torch.Generator().manual_seed(0))
MOVING = {
    "pad": {"size": [60, 80], "fill": [7] * 5},
    "random_crop": {"size": [20, 30]},
    "random_flip": {"probability": 1.0},
    "random_scale": {"size": [40, 50]},
    "random_window": {"probability": 1.0, "sizes": [40], "least": 20, "most": 30},
    "resize": {"size": [30, 1]},
    "resize_shortest_edge": {"sizes": 30},
    "torchvision": {"name": "RandomRotation", "options": {"degrees": [40, 50]}},
}


def sample(image):
    return Sample(image, halves_target((48, 64)), "a.npy", "a")


@pytest.mark.parametrize("name", MOVING)
def test_every_channel_moves_alike(name):
    transform = TRANSFORMS.get(name)(**MOVING[name])
    image = VALUES.expand(5, -1, -1).to(torch.uint16)
    torch.manual_seed(3)
    moved = transform(sample(image.clone())).image
    assert moved.dtype == torch.uint16
    assert torch.equal(moved, moved[:1].expand(5, -1, -1))
    assert moved.float().std() > 100


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "photometric_distortion",
            {},
            "saturation and hue are those of RGB of 8 bits, not of 5 channels of uint16. Remove this transform.",
        ),
        (
            "pad",
            {"size": [60, 80]},
            "fill: give 5 numbers in 0..65535, one per channel, such as the rounded model.pixel_mean, not None.",
        ),
        (
            "torchvision",
            {"name": "ColorJitter", "options": {"brightness": 0.5}},
            "ColorJitter cannot be applied to this image and its target (Input image tensor permitted channel values "
            "are 1 or 3, but found 5). Remove this transform, or change its options.",
        ),
        (
            "torchvision",
            {"name": "ToDtype", "options": {"dtype": torch.uint8}},
            "ToDtype does not return one image of 5 channels of uint16, as models take it. They normalize images "
            "themselves. Remove this transform, or change its options.",
        ),
    ],
)
def test_what_needs_rgb_is_refused(name, settings, message):
    transform = TRANSFORMS.get(name)(**settings)
    with pytest.raises(DataError) as caught:
        transform(sample(VALUES.expand(5, -1, -1).to(torch.uint16)))
    assert str(caught.value) == f"a.npy: transform '{name}': {message}"
    with pytest.raises(ConfigError) as caught:
        require_transforms([lambda sample: sample, transform], PixelFormat(5, "uint16"), "data.train")
    assert str(caught.value) == f"data.train.transforms.1: transform '{name}': {message}"


@pytest.mark.parametrize("name", MOVING)
def test_what_moves_pixels_is_taken(name):
    require_transforms([TRANSFORMS.get(name)(**MOVING[name])], PixelFormat(5, "uint16"), "data.train")


def test_a_padding_without_a_color_is_for_evaluations_and_rgb():
    pad = TRANSFORMS.get("pad")(size=[60, 80])
    require_transforms([pad], PixelFormat(5), "data.val")
    require_transforms([pad], PixelFormat(), "data.train")
    with pytest.raises(ConfigError, match=r"give 3 numbers in 0\.\.255, .*, not \[1, 2, 300\]\."):
        require_transforms([TRANSFORMS.get("pad")(size=[60, 80], fill=[1, 2, 300])], PixelFormat(), "data.val")


def test_a_config_with_a_transform_for_other_channels_is_refused_by_the_check(tmp_path):
    changes = ["data.train.transforms=[{type: random_flip}, {type: photometric_distortion}]"]
    changes += [f"model.{name}={[1.0] * 5}" for name in ("pixel_mean", "pixel_std")]
    config = load_config(write_tiny(tmp_path), changes)
    message = (
        "data.train.transforms.1: transform 'photometric_distortion': saturation and hue are those of RGB of 8 bits, "
        "not of 5 channels of uint8. Remove this transform."
    )
    assert refusals(config) == [message]


def test_padding_of_an_evaluation_has_no_color():
    padded = TRANSFORMS.get("pad")(size=[60, 80])(Sample(VALUES.expand(5, -1, -1).to(torch.uint16), None, "a.npy", "a"))
    assert padded.content == (48, 64)
    assert not padded.image[:, 48:].any()
