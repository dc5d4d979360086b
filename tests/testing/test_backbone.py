"""Error messages about backbones."""

import torch
from torch import nn

from segkit.registries import BACKBONES
from segkit.testing import check_backbone
from segkit.types import Feature
from tests.helpers.contract_errors import each_of, error_message


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


class MeanAlone(Good):
    pixel_mean = (127.5, 127.5, 127.5)


class FractionsOfOne(MeanAlone):
    pixel_std = 0.5


class FreezesAnother(Good):
    frozen_part = nn.Identity()


class NeverCalled(Good):
    def __init__(self):
        super().__init__()
        self.frozen_part = nn.Linear(2, 2)


class OneMap(Good):
    """Its encoder returns a single map, not a list."""

    @property
    def frozen_part(self):
        return self.first


class Deep(Good):
    """Publishes a layer for each map."""

    def parameter_layers(self):
        return [["first.weight", "first.bias"], ["second.weight", "second.bias"]]


class Misnamed(Good):
    def parameter_layers(self):
        return [["body.weight"]]


class Repeating(Deep):
    def parameter_layers(self):
        return [*super().parameter_layers(), ["first.bias"]]


class Partial(Deep):
    def parameter_layers(self):
        return super().parameter_layers()[1:]


MESSAGES = [
    (
        Misnamed,
        "backbone Misnamed names in parameter_layers what is no parameter: body.weight. Leave it out.",
    ),
    (
        Repeating,
        "backbone Repeating names in parameter_layers more than once: first.bias. Put it into one layer.",
    ),
    (
        Partial,
        "backbone Partial leaves out of parameter_layers: first.weight, first.bias. Name them all, since others get "
        "the head's learning rate.",
    ),
    (NoModule, "backbone NoModule is not an nn.Module. Derive it from torch.nn.Module."),
    (
        Silent,
        "backbone Silent publishes features = None. The contract asks for a list of Feature(channels, stride).",
    ),
    (
        Numbers,
        "backbone Numbers publishes features = [4, 6]. The contract asks for a list of Feature(channels, stride).",
    ),
    (
        CoarsestFirst,
        "backbone CoarsestFirst publishes features of the strides [4, 2]. Sort them from fine to coarse, and use "
        "each stride once.",
    ),
    (
        MeanAlone,
        "backbone MeanAlone publishes pixel_std = None. Publish both pixel_mean and pixel_std, each as one number "
        "per channel, or neither.",
    ),
    (
        FractionsOfOne,
        "backbone FractionsOfOne publishes pixel_std = 0.5. Publish both pixel_mean and pixel_std, each as one "
        "number per channel, or neither.",
    ),
    (
        FreezesAnother,
        "backbone FreezesAnother publishes frozen_part = Identity(), which is no module inside it. Publish the one "
        "that holds its encoder.",
    ),
    (
        NeverCalled,
        "backbone NeverCalled publishes a frozen_part that it does not call. Call it as a module, not its methods.",
    ),
    (
        OneMap,
        "backbone OneMap: its frozen_part returns a Tensor. Return a list of maps with a row for each image.",
    ),
    (OnlyLarge, "backbone OnlyLarge fails on images of 4x4: ValueError: the image is too small"),
    (Named, "backbone Named returns its maps as dict. Return a list."),
    (TooFew, "backbone TooFew returns 1 maps but publishes 2. Return one map per published Feature."),
    (
        Wider,
        "backbone Wider returns map 1 of shape (2, 12, 2, 3) for images of 8x12. The published Feature(channels=6, "
        "stride=4) asks for (2, 6, 2, 3).",
    ),
    (Infinite, "backbone Infinite returns map 1 with nan or infinite values. Return finite values."),
]


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_backbone, part()) == message


def test_one_that_publishes_its_layers_passes():
    check_backbone(Deep())


def test_a_good_one_passes_and_draws_nothing_from_the_callers_generator():
    backbone = Good()
    state = torch.get_rng_state()
    check_backbone(backbone)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_backbone_is_checked_for_the_channels_that_it_was_built_for():
    check_backbone(BACKBONES.get("timm")(5, name="resnet10t", options={"out_indices": [1, 2]}), channels=5)
