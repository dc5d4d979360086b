"""Error messages about what every nn.Module part promises, provoked by backbones and pixel decoders."""

import warnings

import pytest
import torch
from torch import nn

from segkit.testing import check_backbone, check_pixel_decoder
from tests.helpers.contract_errors import each_of, error_message
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


class Dimming(Good):
    """Falls with the step, as a part that is annealed does."""

    def __init__(self):
        super().__init__()
        self.register_buffer("factor", torch.ones(()))

    def on_step(self, step, steps):
        self.factor.fill_(1 - step / steps)

    def forward(self, images):
        return [self.factor * one for one in super().forward(images)]


class Summing(Dimming):
    def on_step(self, step, steps):
        self.factor.mul_(0.5)

    def forward(self, images):
        return [self.factor + 0 * one for one in super().forward(images)]


class Stepless(Dimming):
    def on_step(self, step, steps):
        raise TypeError("no steps")


class Unsaved(GoodPixelDecoder):
    """Keeps outside of its state what follows from the step."""

    factor = 1.0

    def on_step(self, step, steps):
        self.factor = 1 - step / steps

    def forward(self, maps):
        mask_features, memory = super().forward(maps)
        return self.factor + 0 * mask_features, memory


MESSAGES = [
    (
        Summing,
        "backbone Summing returns different values of map 0 at step 8 of 10 where step 2 came before, by up to "
        "0.375. Let "
        "on_step compute from step and steps alone, so that a resumed training goes on alike.",
    ),
    (Stepless, "backbone Stepless fails in on_step(8, 10): TypeError: no steps"),
    (
        Unsaved,
        "pixel decoder Unsaved and another instance that has loaded its state return different mask features, by up "
        "to 0.8. Keep all that it learns or draws in parameters and buffers.",
    ),
    (
        Holding,
        "backbone Holding keeps the tensor 'second.grid' as a plain attribute, which does not move to another "
        "device. Make it a buffer, with persistent=False if it follows from the settings.",
    ),
    (
        Overwriting,
        "backbone Overwriting changes its input image in place. Compute on a copy, because others still use the input.",
    ),
    (
        Counting,
        "backbone Counting returns different values of map 1 in two calls in eval mode, by up to 1. In eval mode, "
        "draw no random numbers and keep no state.",
    ),
    (
        Together,
        "backbone Together returns different values of map 0 for an image alone and in a batch, by up to 1. In eval "
        "mode, compute each image by itself.",
    ),
    (
        Rounding,
        "backbone Rounding returns values of map 1 of torch.int64 under bf16 autocast. The contract asks for a "
        "floating-point type.",
    ),
    (
        Overflowing,
        "backbone Overflowing returns values of map 1 with nan or infinite values under bf16 autocast. "
        "Compute what overflows in float32.",
    ),
    (
        Cutting,
        "backbone Cutting returns values of map 1 of shape (2, 6, 2, 1) under bf16 autocast, and (2, 6, 2, 3) "
        "without it. Return the same shape.",
    ),
    (Half, "backbone Half fails under bf16 autocast: RuntimeError: no kernel"),
    (
        Numbered,
        "pixel decoder Numbered and another instance that has loaded its state return different mask features, by up "
        "to 1. Keep all that it learns or draws in parameters and buffers.",
    ),
    (
        Growing,
        "pixel decoder Growing fails when another instance loads its state: RuntimeError: Error(s) in loading "
        'state_dict for Growing: Unexpected key(s) in state_dict: "seen".',
    ),
    (
        Detaching,
        "backbone Detaching returns values of map 1 without a gradient in training mode. Do not detach it or "
        "compute it under no_grad.",
    ),
    (
        Stopping,
        "backbone Stopping passes no gradient to the image. Use it without detaching it, so that what "
        "computes it can learn.",
    ),
    (
        Spare,
        "backbone Spare has parameters without a gradient: spare.weight, spare.bias. Use or remove them, because "
        "training on several devices refuses unused parameters.",
    ),
    (
        Rooting,
        "backbone Rooting has parameters with nan or infinite gradients: root. Guard divisions, roots and logarithms.",
    ),
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


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check, part) == message


def test_a_frozen_one_passes():
    check_backbone(Frozen())


def test_what_cannot_be_compiled_gets_a_warning():
    message = r"^backbone Breaking cannot be compiled as one graph \(.*graph_break.*\)\. The rest .* run uncompiled\.$"
    with pytest.warns(UserWarning, match=message):
        check_backbone(Breaking())


def test_what_can_be_compiled_gets_none():
    with warnings.catch_warnings(record=True) as caught:
        check_backbone(Good())
    assert [str(warning.message) for warning in caught if "compiled" in str(warning.message)] == []


def test_a_part_that_changes_with_the_step_passes():
    check_backbone(Dimming())
