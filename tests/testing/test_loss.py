"""Error messages about losses."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from segkit.errors import ConfigError
from segkit.testing import check_loss
from segkit.types import PixelPrediction, Prediction
from tests.helpers.contract_errors import each_of, error_message


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


class NoInputType(nn.Module):
    pass


class PixelInput(nn.Module):
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


class Weighted(ClassLoss):
    """A mean over queries of different weight, which it does not tell."""

    def forward(self, class_logits, classes):
        weights = torch.tensor([1.0, 1.0, 1.0, 0.1])
        return functional.cross_entropy(class_logits.flatten(0, 1).float(), classes.flatten(), weights)


class Ordered(ClassLoss):
    """A normalizer that is known only after matching."""

    def normalizer(self, classes):
        return len(classes) + classes[:, 0].float().sum()


class Summed(PredictionLoss):
    def forward(self, prediction, targets, matches):
        return super().forward(prediction, targets, matches) * len(targets)


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


MESSAGES = [
    (lambda: function, "loss function is not an nn.Module. Derive it from torch.nn.Module."),
    (
        NoInputType,
        "loss NoInputType publishes input_type = None. The contract asks for 'classes', 'masks' or 'prediction'.",
    ),
    (
        PixelInput,
        "loss PixelInput publishes input_type = 'pixels'. The contract asks for 'classes', 'masks' or 'prediction'.",
    ),
    (
        PerQuery,
        "loss PerQuery returns a value (2, 6) of float32 on logits and classes. The contract asks for a "
        "floating-point tensor ().",
    ),
    (
        Number,
        "loss Number returns a value = 0.5 on logits and classes. The contract asks for a floating-point tensor ().",
    ),
    (
        Counting,
        "loss Counting returns a value () of int64 on logits and classes. The contract asks for a floating-point "
        "tensor ().",
    ),
    (
        MatchedOnly,
        "loss MatchedOnly returns nan where no query has an object. Return finite values.",
    ),
    (
        Detached,
        "loss Detached returns a value without a gradient on logits and classes. Compute it from the logits, "
        "times 0 if there is nothing to compare.",
    ),
    (Zero, "loss Zero passes no gradient to the logits on logits and classes. Do not detach or round them."),
    (
        Exponential,
        "loss Exponential passes a nan or infinite gradient to the logits on logits of 1e4 and -1e4. Guard "
        "divisions, roots and logarithms.",
    ),
    (NoHalf, "loss NoHalf fails on bf16 logits under autocast: TypeError: float32 is needed"),
    (
        Spare,
        "loss Spare has parameters without a gradient: spare. Use or remove them, because training on several "
        "devices refuses unused parameters.",
    ),
    (
        Rewarding,
        "loss Rewarding returns -0.00101 for a right prediction and -9.1 for a wrong one. The right one must be lower.",
    ),
    (
        Weighted,
        "loss Weighted returns 1.858 for two images, and [1.306, 1.913] for each alone "
        "with normalizers [1.0, 1.0], whose mean is 1.61. Return a mean over images, or add a method 'normalizer' "
        "that returns what the sum over the images is divided by.",
    ),
    (
        Ordered,
        "loss Ordered has a normalizer that depends on the order of the queries. Compute it from how often each class "
        "occurs.",
    ),
    (
        Summed,
        "loss Summed returns 2.293 for two images, and [1.636, 0.656] for each alone "
        "with normalizers [1.0, 1.0], whose mean is 1.146. Return a mean over images, or add a method 'normalizer' "
        "that returns what the sum over the images is divided by.",
    ),
    (
        Meaning,
        "loss Meaning returns a value () of float32 where some pixels are valid. The contract asks for a "
        "floating-point tensor (3,).",
    ),
    (
        NeedsValid,
        "loss NeedsValid returns [nan, nan, nan] where no pixel is valid. Return finite values.",
    ),
    (NeedsMasks, "loss NeedsMasks fails on 0 masks: ValueError: no mask"),
    (
        Logarithmic,
        "loss Logarithmic returns [nan, nan, nan] on logits of 1e4 and -1e4. Return finite values.",
    ),
    (
        WrongWay,
        "loss WrongWay returns 12.1 for a right prediction and 0.0544 for a wrong one. The right one must be lower.",
    ),
    (
        Refusing,
        "loss Refusing refuses both a Prediction and a PixelPrediction. Support at least one of them.",
    ),
    (NeedsMatches, "loss NeedsMatches fails on a PixelPrediction: ValueError: matches"),
    (
        NeedsSegments,
        "loss NeedsSegments returns a value without a gradient on a Prediction of images without segments. Compute "
        "it from the logits, times 0 if there is nothing to compare.",
    ),
    (
        NeedsPixels,
        "loss NeedsPixels returns inf on a PixelPrediction of images without a valid pixel. Return finite values.",
    ),
]


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_loss, part()) == message


def test_a_value_that_depends_on_other_masks():
    message = error_message(check_loss, Shared())
    together, alone = _lists_in(message)
    assert together == pytest.approx([3 * value for value in alone], abs=2e-3)
    assert message == (
        f"loss Shared returns {together} for three masks and {alone} for each alone. Compute the value of a mask "
        "from that mask only."
    )


def test_a_value_that_depends_on_void():
    message = error_message(check_loss, Void())
    before, after = _lists_in(message)
    assert message == (
        f"loss Void returns {before}, and {after} after a change of pixels that are not valid. Leave these pixels out."
    )


def _lists_in(message):
    return [[float(word) for word in part.partition("]")[0].split(", ")] for part in message.split("[")[1:]]


def test_good_ones_pass():
    for loss in (ClassLoss(), MaskLoss(), PredictionLoss(), PixelLoss()):
        check_loss(loss)
    check_loss(ClassLoss(), num_classes=20)
