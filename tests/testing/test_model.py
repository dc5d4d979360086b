"""Error messages about models."""

import torch
from torch import nn

from segkit.testing import check_model
from segkit.types import PixelPrediction
from tests.helpers.contract_errors import each_of, error_message


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


MESSAGES = [
    (NoModule, "model NoModule is not an nn.Module. Derive it from torch.nn.Module."),
    (Unsized, "model Unsized publishes size_divisor = None. The contract asks for a whole number of at least 1."),
    (Zero, "model Zero publishes size_divisor = 0. The contract asks for a whole number of at least 1."),
    (
        FloatOnly,
        "model FloatOnly fails on images of 4x4, 3 channels of uint8, without sizes: TypeError: an image of floats",
    ),
    (
        SizesRefused,
        "model SizesRefused fails on images of 4x4, 3 channels of uint8, with the sizes of the images: ValueError: "
        "sizes",
    ),
    (Bare, "model Bare returns a Tensor. Return a Prediction or PixelPrediction of segkit.types."),
    (
        OneMore,
        "model OneMore returns in layer 0 pixel_logits of (2, 5, 2, 2). The contract asks for (B,K,h,w) = (2, 4, 2, "
        "2).",
    ),
    (
        Shrinking,
        "model Shrinking returns in layer 1 pixel_logits of (2, 4, 2, 1). The contract asks for (B,K,h,w) = (2, 4, "
        "2, 2).",
    ),
    (
        Forgetful,
        "model Forgetful has parameters without a gradient: first.weight, first.bias. Use or remove them, because "
        "training on several devices refuses unused parameters.",
    ),
]


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_model, part) == message


def test_a_good_one_passes():
    torch.manual_seed(0)
    check_model(Good)
