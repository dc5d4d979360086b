"""Complaints about backbones."""

import torch
from torch import nn

from segkit.testing import check_backbone
from segkit.types import Feature
from tests.helpers.contract_errors import complaint, each_of


class Good(nn.Module):
    """Maps of stride 2 and 4."""

    def __init__(self):
        super().__init__()
        self.features = [Feature(4, 2), Feature(6, 4)]
        self.first, self.second = nn.Conv2d(3, 4, 2, stride=2), nn.Conv2d(4, 6, 2, stride=2)

    def forward(self, images):
        first = self.first(images)
        return [first, self.second(first)]


class NoModule:
    features = (Feature(4, 2),)


class Silent(Good):
    def __init__(self):
        super().__init__()
        del self.features


class Numbers(Good):
    def __init__(self):
        super().__init__()
        self.features = [4, 6]


class CoarsestFirst(Good):
    def __init__(self):
        super().__init__()
        self.features = self.features[::-1]


class OnlyLarge(Good):
    def forward(self, images):
        if images.shape[-1] < 8:
            raise ValueError("the image\nis too small")
        return super().forward(images)


class Named(Good):
    def forward(self, images):
        return dict(enumerate(super().forward(images)))


class TooFew(Good):
    def forward(self, images):
        return super().forward(images)[1:]


class Wider(Good):
    def forward(self, images):
        first, second = super().forward(images)
        return [first, torch.cat([second, second], 1)]


class Infinite(Good):
    def forward(self, images):
        first, second = super().forward(images)
        return [first, second / 0]


COMPLAINTS = [
    (NoModule, "backbone NoModule is no nn.Module, which every backbone has to be"),
    (
        Silent,
        "backbone Silent publishes features = None, where a list of Feature(channels, stride) is promised",
    ),
    (
        Numbers,
        "backbone Numbers publishes features = [4, 6], where a list of Feature(channels, stride) is promised",
    ),
    (
        CoarsestFirst,
        "backbone CoarsestFirst publishes features of the strides [4, 2], where the finest comes first and none comes "
        "twice",
    ),
    (OnlyLarge, "backbone OnlyLarge fails on images of 4x4: ValueError: the image is too small"),
    (Named, "backbone Named gives its maps as dict, where a list is promised"),
    (TooFew, "backbone TooFew gives 1 maps and publishes 2"),
    (
        Wider,
        "backbone Wider gives for images of 8x12 the map 1 as (2, 12, 2, 3), where Feature(channels=6, stride=4) "
        "promises (2, 6, 2, 3)",
    ),
    (Infinite, "backbone Infinite gives a map 1 that is not finite"),
]


@each_of(COMPLAINTS)
def test_complaint(part, message):
    assert complaint(check_backbone, part()) == message


def test_a_good_one_passes_and_draws_nothing_from_the_callers_generator():
    backbone = Good()
    state = torch.get_rng_state()
    check_backbone(backbone)
    assert torch.equal(torch.get_rng_state(), state)
