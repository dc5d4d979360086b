"""Complaints about models."""

import torch
from torch import nn

from segkit.testing import check_model
from segkit.types import PixelPrediction
from tests.helpers.contract_errors import complaint, each_of


class Good(nn.Module):
    """Scores of pixels at half the size; two layers."""

    def __init__(self, num_classes):
        super().__init__()
        self.size_divisor = 4
        self.scores = nn.Conv2d(3, num_classes, 2, stride=2)

    def forward(self, images, sizes=None):
        logits = self.scores(images / 255)
        return PixelPrediction(logits, [PixelPrediction(2 * logits)])


class NoModule:
    def __init__(self, num_classes):
        pass


class Unsized(Good):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.size_divisor = None


class Zero(Good):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.size_divisor = 0


class FloatOnly(Good):
    def forward(self, images, sizes=None):
        if not images.is_floating_point():
            raise TypeError("an image of floats")
        return super().forward(images)


class SizesRefused(Good):
    def forward(self, images, sizes=None):
        if sizes:
            raise ValueError("sizes")
        return super().forward(images)


class Bare(Good):
    def forward(self, images, sizes=None):
        return super().forward(images).pixel_logits


class OneMore(Good):
    def __init__(self, num_classes):
        super().__init__(num_classes + 1)


class Shrinking(Good):
    def forward(self, images, sizes=None):
        prediction = super().forward(images)
        return PixelPrediction(prediction.pixel_logits[..., ::2], prediction.auxiliary)


class Forgetful(Good):
    """Trains its last layer alone."""

    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.first = nn.Conv2d(3, num_classes, 2, stride=2)

    def forward(self, images, sizes=None):
        prediction = super().forward(images)
        prediction.auxiliary = [PixelPrediction(self.first(images / 255).detach() + prediction.pixel_logits)]
        return prediction


COMPLAINTS = [
    (NoModule, "model NoModule is no nn.Module, which every model has to be"),
    (Unsized, "model Unsized publishes size_divisor = None, where a whole number from 1 is promised"),
    (Zero, "model Zero publishes size_divisor = 0, where a whole number from 1 is promised"),
    (FloatOnly, "model FloatOnly fails on uint8 images of 4x4 without sizes: TypeError: an image of floats"),
    (
        SizesRefused,
        "model SizesRefused fails on uint8 images of 4x4 with the sizes of the images: ValueError: sizes",
    ),
    (Bare, "model Bare gives a Tensor, where a Prediction or PixelPrediction is promised"),
    (
        OneMore,
        "model OneMore gives in layer 0 pixel_logits of (2, 5, 2, 2), where (B,K,h,w) = (2, 4, 2, 2) is promised",
    ),
    (
        Shrinking,
        "model Shrinking gives in layer 1 pixel_logits of (2, 4, 2, 1), where (B,K,h,w) = (2, 4, 2, 2) is promised",
    ),
    (
        Forgetful,
        "model Forgetful has parameters that get no gradient, which training on several devices refuses: first.weight, "
        "first.bias",
    ),
]


@each_of(COMPLAINTS)
def test_complaint(part, message):
    assert complaint(check_model, part) == message


def test_a_good_one_passes():
    torch.manual_seed(0)
    check_model(Good)
