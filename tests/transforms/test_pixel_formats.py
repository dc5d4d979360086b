"""Transforms that move pixels take any channels; those of colors refuse them."""

import pytest
import torch

from segkit.errors import DataError
from segkit.registries import TRANSFORMS
from segkit.types import Sample
from tests.helpers.tiny import halves_target

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
            "saturation and hue are those of RGB of 8 bits, not of 5 channels of torch.uint16. Remove this transform.",
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
    with pytest.raises(DataError) as caught:
        TRANSFORMS.get(name)(**settings)(sample(VALUES.expand(5, -1, -1).to(torch.uint16)))
    assert str(caught.value) == f"a.npy: transform '{name}': {message}"


def test_padding_of_an_evaluation_has_no_color():
    padded = TRANSFORMS.get("pad")(size=[60, 80])(Sample(VALUES.expand(5, -1, -1).to(torch.uint16), None, "a.npy", "a"))
    assert padded.content == (48, 64)
    assert not padded.image[:, 48:].any()
