"""Error messages about pixel decoders."""

import re

import pytest
from torch import nn
from torch.nn.functional import interpolate

from segkit import testing
from segkit.testing import check_pixel_decoder
from segkit.types import DeferredFeatures, Feature
from tests.helpers.contract_errors import each_of, error_message


class Good(nn.Module):
    """The sum of all maps, each at the finest size; memory is the coarsest one."""

    def __init__(self, features):
        super().__init__()
        self.mask_dim, self.memory = 4, features[-1:]
        self.laterals = nn.ModuleList(nn.Conv2d(feature.channels, 4, 1) for feature in features)
        self.mask_features = nn.Conv2d(4, 4, 1)

    def forward(self, maps):
        projected = [lateral(feature) for lateral, feature in zip(self.laterals, maps, strict=True)]
        total = sum(interpolate(one, size=maps[0].shape[-2:]) for one in projected)
        return self.mask_features(total), maps[-1:]


class NoModule:
    def __init__(self, features):
        pass


class Nameless(Good):
    def __init__(self, features):
        super().__init__(features)
        del self.mask_dim


class NoMemory(Good):
    def __init__(self, features):
        super().__init__(features)
        self.memory = []


class CoarsestFirst(Good):
    def __init__(self, features):
        super().__init__(features)
        self.memory = [features[3], features[2]]


class Even(Good):
    def forward(self, maps):
        if maps[-1].shape[-1] % 2:
            raise ValueError("an odd width")
        return super().forward(maps)


class Wide(Good):
    def __init__(self, features):
        super().__init__(features)
        self.mask_dim = 8


class Forgetful(Good):
    def forward(self, maps):
        return super().forward(maps)[0], []


class OtherMemory(Good):
    def __init__(self, features):
        super().__init__(features)
        self.memory = [Feature(40, 16)]


class Rectifying(Good):
    """Defers a convolution that is followed by a ReLU otherwise."""

    def forward(self, maps, *, deferred=False):
        projected = [lateral(feature) for lateral, feature in zip(self.laterals, maps, strict=True)]
        total = sum(interpolate(one, size=maps[0].shape[-2:]) for one in projected)
        if deferred:
            return DeferredFeatures(total, self.mask_features), maps[-1:]
        return self.mask_features(total).relu(), maps[-1:]


class Skipping(Good):
    """Does not use the map of stride 16."""

    def __init__(self, features):
        super().__init__([features[0], features[1], features[3]])

    def forward(self, maps):
        return super().forward([maps[0], maps[1], maps[3]])


MESSAGES = [
    (NoModule, "pixel decoder NoModule is not an nn.Module. Derive it from torch.nn.Module."),
    (
        Nameless,
        "pixel decoder Nameless publishes mask_dim = None. The contract asks for the number of channels of the mask "
        "features.",
    ),
    (
        NoMemory,
        "pixel decoder NoMemory publishes memory = []. The contract asks for a list of Feature(channels, stride).",
    ),
    (
        CoarsestFirst,
        "pixel decoder CoarsestFirst publishes memory of the strides [32, 16]. Sort them from fine to coarse, and "
        "use each stride once.",
    ),
    (Even, "pixel decoder Even fails on a coarsest map of 2x3: ValueError: an odd width"),
    (
        Wide,
        "pixel decoder Wide returns mask feature map 0 of shape (2, 4, 16, 24) for images of 64x96. The published "
        "Feature(channels=8, stride=4) asks for (2, 8, 16, 24).",
    ),
    (
        Forgetful,
        "pixel decoder Forgetful returns 0 memory maps but publishes 1. Return one memory map per published Feature.",
    ),
    (
        OtherMemory,
        "pixel decoder OtherMemory returns memory map 0 of shape (2, 40, 2, 3) for images of 64x96. The published "
        "Feature(channels=40, stride=16) asks for (2, 40, 4, 6).",
    ),
    (
        Skipping,
        "pixel decoder Skipping passes no gradient to the map of stride 16. Use it without detaching it, so "
        "that what computes it can learn.",
    ),
]


def test_deferred_features_are_the_others():
    message = re.sub(r"up to \S+\. ", "up to N. ", error_message(check_pixel_decoder, Rectifying))
    assert message == (
        "pixel decoder Rectifying returns different mask features with deferred mask features, by up to N. A pixel "
        "decoder defers its last operation alone, and a transformer decoder hands them on."
    )


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_pixel_decoder, part) == message


def test_a_good_one_passes():
    check_pixel_decoder(Good)


class MaskFeaturesOnly(Good):
    def forward(self, maps):
        return super().forward(maps)[0]


def test_a_pair_is_returned():
    assert error_message(check_pixel_decoder, MaskFeaturesOnly) == (
        "pixel decoder MaskFeaturesOnly returns a Tensor. Return a pair: (mask features, [memory maps])."
    )


@pytest.mark.parametrize(
    ("check", "kind"),
    [
        (testing.check_pixel_decoder, "pixel decoder"),
        (testing.check_transformer_decoder, "transformer decoder"),
        (testing.check_model, "model"),
        (testing.check_optimizer, "optimizer"),
        (testing.check_postprocessor, "postprocessor"),
        (testing.check_evaluator, "evaluator"),
    ],
)
def test_a_built_part_is_refused_where_a_builder_is_asked_for(check, kind):
    assert error_message(check, Good([Feature(4, 4)])) == (
        f"{kind} Good is built already. Pass the class or a function that builds it, not a built part."
    )
