"""Complaints about losses."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from segkit.errors import ConfigError
from segkit.testing import check_loss
from segkit.types import PixelPrediction, Prediction
from tests.helpers.contract_errors import complaint, each_of


class ClassLoss(nn.Module):
    input_type = "classes"

    def forward(self, class_logits, classes):
        return functional.cross_entropy(class_logits.flatten(0, 1).float(), classes.flatten())


class MaskLoss(nn.Module):
    input_type = "masks"

    def forward(self, logits, targets, valid):
        return self.reduced(
            functional.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none"), valid
        )

    def reduced(self, values, valid):
        if valid is None:
            return values.mean(1)
        return (values * valid).sum(1) / valid.sum(1).clamp(min=1)


class PredictionLoss(nn.Module):
    """Takes queries alone."""

    input_type = "prediction"

    def forward(self, prediction, targets, matches):
        if not isinstance(prediction, Prediction):
            raise ConfigError("queries")
        return (prediction.class_logits.float() ** 2).mean()


class PixelLoss(nn.Module):
    """Takes pixels alone."""

    input_type = "prediction"

    def forward(self, prediction, targets, matches):
        if not isinstance(prediction, PixelPrediction):
            raise ConfigError("pixels")
        return (prediction.pixel_logits.float() ** 2).mean()


def function(class_logits, classes):
    return 0


class Takeless(nn.Module):
    pass


class TakesPixels(nn.Module):
    input_type = "pixels"


class PerQuery(ClassLoss):
    def forward(self, class_logits, classes):
        return functional.cross_entropy(class_logits.mT, classes, reduction="none")


class Number(ClassLoss):
    def forward(self, class_logits, classes):
        return 0.5


class Counting(ClassLoss):
    def forward(self, class_logits, classes):
        return (class_logits.argmax(-1) != classes).sum()


class MatchedOnly(ClassLoss):
    """The mean over no query is nan."""

    def forward(self, class_logits, classes):
        matched = classes < class_logits.shape[-1] - 1
        return functional.cross_entropy(class_logits[matched].float(), classes[matched])


class Detached(ClassLoss):
    def forward(self, class_logits, classes):
        return super().forward(class_logits.detach(), classes)


class Zero(ClassLoss):
    def forward(self, class_logits, classes):
        return super().forward(class_logits, classes) * 0


class Exponential(ClassLoss):
    """Finite in its value, not in its gradient."""

    def forward(self, class_logits, classes):
        return (1 / (1 + class_logits.float().exp())).mean()


class NoHalf(ClassLoss):
    def forward(self, class_logits, classes):
        if class_logits.dtype != torch.float32:
            raise TypeError("float32 is needed")
        return super().forward(class_logits, classes)


class Spare(ClassLoss):
    def __init__(self):
        super().__init__()
        self.spare = nn.Parameter(torch.ones(1))


class Rewarding(ClassLoss):
    def forward(self, class_logits, classes):
        return -super().forward(class_logits, classes)


class Meaning(MaskLoss):
    def forward(self, logits, targets, valid):
        return super().forward(logits, targets, valid).mean()


class NeedsValid(MaskLoss):
    def reduced(self, values, valid):
        return values.mean(1) if valid is None else (values * valid).sum(1) / valid.sum(1)


class NeedsMasks(MaskLoss):
    def forward(self, logits, targets, valid):
        if len(logits) == 0:
            raise ValueError("no mask")
        return super().forward(logits, targets, valid)


class Logarithmic(MaskLoss):
    """Without the clamp that logarithms need."""

    def forward(self, logits, targets, valid):
        probs = logits.float().sigmoid()
        return self.reduced(-targets * probs.log() - (1 - targets) * (1 - probs).log(), valid)


class Shared(MaskLoss):
    """Counts how many masks there are."""

    def reduced(self, values, valid):
        return len(values) * super().reduced(values, valid) / 3


class Void(MaskLoss):
    def reduced(self, values, valid):
        return values.mean(1)


class WrongWay(MaskLoss):
    def forward(self, logits, targets, valid):
        return super().forward(-logits, targets, valid)


class Refusing(PredictionLoss):
    def forward(self, prediction, targets, matches):
        raise ConfigError("nothing is good enough")


class NeedsMatches(PredictionLoss):
    def forward(self, prediction, targets, matches):
        if isinstance(prediction, PixelPrediction):
            raise ValueError("matches")
        return super().forward(prediction, targets, matches)


class NeedsSegments(PredictionLoss):
    """Without a segment its value carries no gradient."""

    def forward(self, prediction, targets, matches):
        value = super().forward(prediction, targets, matches)
        return value if any(len(query) for query, _ in matches) else torch.zeros(())


class NeedsPixels(PixelLoss):
    def forward(self, prediction, targets, matches):
        value = super().forward(prediction, targets, matches)
        known = sum(int(target.valid.sum()) for target in targets if target.valid is not None)
        return value if known or all(target.valid is None for target in targets) else value / known


COMPLAINTS = [
    (lambda: function, "loss function is no nn.Module, which every loss has to be"),
    (Takeless, "loss Takeless says input_type = None, where 'classes', 'masks' or 'prediction' is promised"),
    (TakesPixels, "loss TakesPixels says input_type = 'pixels', where 'classes', 'masks' or 'prediction' is promised"),
    (
        PerQuery,
        "loss PerQuery gives a value (2, 6) of float32 on logits and classes, where a floating tensor () is promised",
    ),
    (Number, "loss Number gives a value = 0.5 on logits and classes, where a floating tensor () is promised"),
    (
        Counting,
        "loss Counting gives a value () of int64 on logits and classes, where a floating tensor () is promised",
    ),
    (
        MatchedOnly,
        "loss MatchedOnly gives nan where all queries are without object, where finite values are promised",
    ),
    (Detached, "loss Detached gives a value that carries no gradient on logits and classes"),
    (Zero, "loss Zero gives the logits no gradient on logits and classes"),
    (Exponential, "loss Exponential gives the logits a gradient that is not finite on logits of 1e4 either way"),
    (NoHalf, "loss NoHalf fails on bf16 logits under autocast: TypeError: float32 is needed"),
    (
        Spare,
        "loss Spare has parameters that get no gradient, which training on several devices refuses: spare",
    ),
    (Rewarding, "loss Rewarding gives -0.00101 for what is right and -9.1 for what is wrong"),
    (
        Meaning,
        "loss Meaning gives a value () of float32 where some pixels are valid, where a floating tensor (3,) is "
        "promised",
    ),
    (
        NeedsValid,
        "loss NeedsValid gives [nan, nan, nan] where no pixel is valid, where finite values are promised",
    ),
    (NeedsMasks, "loss NeedsMasks fails on no mask: ValueError: no mask"),
    (
        Logarithmic,
        "loss Logarithmic gives [nan, nan, nan] on logits of 1e4 either way, where finite values are promised",
    ),
    (WrongWay, "loss WrongWay gives 12.1 for what is right and 0.0544 for what is wrong"),
    (
        Refusing,
        "loss Refusing refuses a Prediction and a PixelPrediction alike, where it is promised to take one",
    ),
    (NeedsMatches, "loss NeedsMatches fails on a PixelPrediction: ValueError: matches"),
    (
        NeedsSegments,
        "loss NeedsSegments gives a value that carries no gradient on a Prediction of images without segments",
    ),
    (
        NeedsPixels,
        "loss NeedsPixels gives inf on a PixelPrediction of images without a valid pixel, where finite values are "
        "promised",
    ),
]


@each_of(COMPLAINTS)
def test_complaint(part, message):
    assert complaint(check_loss, part()) == message


def test_a_value_that_depends_on_other_masks():
    message = complaint(check_loss, Shared())
    together, alone = _lists_in(message)
    assert together == pytest.approx([3 * value for value in alone], abs=2e-3)
    assert message == (
        f"loss Shared gives {together} for three masks and {alone} for each alone, where a mask's value is promised to "
        "depend on that mask only"
    )


def test_a_value_that_depends_on_void():
    message = complaint(check_loss, Void())
    before, after = _lists_in(message)
    assert message == (
        f"loss Void gives {before}, and {after} once the pixels that are not valid have changed, where they are "
        "promised not to count"
    )


def _lists_in(message):
    return [[float(word) for word in part.partition("]")[0].split(", ")] for part in message.split("[")[1:]]


def test_good_ones_pass():
    for loss in (ClassLoss(), MaskLoss(), PredictionLoss(), PixelLoss()):
        check_loss(loss)
    check_loss(ClassLoss(), num_classes=20)
