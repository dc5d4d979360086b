"""Complaints about what every nn.Module part promises, provoked by backbones and pixel decoders."""

import warnings

import pytest
import torch
from torch import nn

from segkit.testing import check_backbone, check_pixel_decoder
from tests.helpers.contract_errors import complaint, each_of
from tests.testing.test_backbone import Good
from tests.testing.test_pixel_decoder import Good as GoodPixelDecoder


class Holding(Good):
    def __init__(self):
        super().__init__()
        self.second.grid = torch.ones(2)


class Overwriting(Good):
    def forward(self, images):
        return super().forward(images.relu_())


class Counting(Good):
    calls = 0

    def forward(self, images):
        self.calls += 1
        first, second = super().forward(images)
        return [first, second + self.calls]


class Together(Good):
    def forward(self, images):
        first, second = super().forward(images)
        return [first + len(images), second]


class Autocast(Good):
    """Does something else under autocast."""

    def forward(self, images):
        first, second = super().forward(images)
        return [first, self.other(second) if torch.is_autocast_enabled("cpu") else second]


class Rounding(Autocast):
    def other(self, values):
        return values.long()


class Overflowing(Autocast):
    def other(self, values):
        return values / 0


class Cutting(Autocast):
    def other(self, values):
        return values[..., :1]


class Half(Autocast):
    def other(self, values):
        raise RuntimeError("no kernel")


class Numbered(GoodPixelDecoder):
    """Keeps a number of its own outside its state."""

    made = 0

    def __init__(self, features):
        super().__init__(features)
        Numbered.made += 1
        self.number = Numbered.made

    def forward(self, maps):
        mask_features, memory = super().forward(maps)
        return mask_features + self.number, memory


class Growing(GoodPixelDecoder):
    """Has another state from its first call on."""

    def forward(self, maps):
        self.register_buffer("seen", torch.ones(1))
        return super().forward(maps)


class Detaching(Good):
    def forward(self, images):
        first, second = super().forward(images)
        return [first, second.detach()]


class Stopping(Good):
    def forward(self, images):
        return super().forward(images.detach())


class Spare(Good):
    def __init__(self):
        super().__init__()
        self.spare, self.fixed = nn.Linear(2, 2), nn.Parameter(torch.ones(1), requires_grad=False)


class Rooting(Good):
    def __init__(self):
        super().__init__()
        self.root = nn.Parameter(torch.zeros(1))

    def forward(self, images):
        first, second = super().forward(images)
        return [first, second + self.root.sqrt()]


class Frozen(Good):
    def __init__(self):
        super().__init__()
        self.requires_grad_(False)


class NoBackward(Good):
    """Works in eval mode alone."""

    def forward(self, images):
        if self.training:
            raise NotImplementedError("no training")
        return super().forward(images)


class Breaking(Good):
    def forward(self, images):
        torch._dynamo.graph_break()
        return super().forward(images)


class MetaRefusing(GoodPixelDecoder):
    def __init__(self, features):
        super().__init__(features)
        if self.mask_features.weight.is_meta:
            raise ValueError("weights without values")


COMPLAINTS = [
    (
        Holding,
        "backbone Holding keeps the tensor 'second.grid' as a plain attribute, which stays behind when the part moves "
        "to another device. Make it a buffer, persistent=False where it follows from the settings",
    ),
    (Overwriting, "backbone Overwriting changes the image it is given in place, which others may still need"),
    (
        Counting,
        "backbone Counting gives two answers to two calls in eval mode: the values of map 1 differ by up to 1. There a "
        "part draws nothing and remembers nothing",
    ),
    (
        Together,
        "backbone Together answers an image otherwise alone than in a batch: the values of map 0 differ by up to 1",
    ),
    (
        Rounding,
        "backbone Rounding gives values of map 1 of torch.int64 under bf16 autocast, where a floating type is promised",
    ),
    (Overflowing, "backbone Overflowing gives values of map 1 that are not finite under bf16 autocast"),
    (
        Cutting,
        "backbone Cutting gives values of map 1 of shape (2, 6, 2, 1) under bf16 autocast, and (2, 6, 2, 3) without it",
    ),
    (Half, "backbone Half fails under bf16 autocast: RuntimeError: no kernel"),
    (
        Numbered,
        "pixel decoder Numbered and another instance that has loaded its state answer differently: the mask features "
        "differ by up to 1. What it learns or draws belongs into parameters and buffers",
    ),
    (
        Growing,
        "pixel decoder Growing fails when another instance loads its state: RuntimeError: Error(s) in loading "
        'state_dict for Growing: Unexpected key(s) in state_dict: "seen".',
    ),
    (Detaching, "backbone Detaching gives values of map 1 that carry no gradient in training mode"),
    (Stopping, "backbone Stopping lets no gradient through to the image"),
    (
        Spare,
        "backbone Spare has parameters that get no gradient, which training on several devices refuses: spare.weight, "
        "spare.bias",
    ),
    (Rooting, "backbone Rooting has parameters whose gradient is not finite: root"),
    (NoBackward, "backbone NoBackward fails in training mode: NotImplementedError: no training"),
    (
        MetaRefusing,
        "pixel decoder MetaRefusing fails when it is built on the meta device, where tensors have shapes but no "
        "values: ValueError: weights without values",
    ),
]


def check(part):
    if issubclass(part, GoodPixelDecoder):
        check_pixel_decoder(part)
    else:
        check_backbone(part())


@each_of(COMPLAINTS)
def test_complaint(part, message):
    assert complaint(check, part) == message


def test_a_frozen_one_passes():
    check_backbone(Frozen())


def test_what_cannot_be_compiled_is_told_as_a_warning():
    message = r"^backbone Breaking cannot be compiled whole \(.*graph_break.*\); it will run uncompiled there$"
    with pytest.warns(UserWarning, match=message):
        check_backbone(Breaking())


def test_of_what_can_be_compiled_nothing_is_told():
    with warnings.catch_warnings(record=True) as caught:
        check_backbone(Good())
    assert [str(warning.message) for warning in caught if "compiled whole" in str(warning.message)] == []
