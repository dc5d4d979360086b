"""Error messages about evaluators."""

import pytest
import torch

from segkit.evaluators.average_precision import AveragePrecision
from segkit.evaluators.mean_iou import MeanIoU
from segkit.evaluators.panoptic_quality import PanopticQuality
from segkit.ops.targets import label_map_of
from segkit.testing import check_evaluator
from segkit.types import Metrics, SemanticResult
from tests.helpers.contract_errors import each_of, error_message


class Accuracy:
    """The fraction of right pixels."""

    result_type = SemanticResult

    def __init__(self, classes):
        self.names = classes.names
        self.right = self.all = 0

    def add(self, result, target, image_id):
        target_map = label_map_of(target, 255)
        self.right += int((target_map == result.label_map).sum())
        self.all += int((target_map != 255).sum())

    def state(self):
        return self.right, self.all

    def merge(self, state):
        self.right, self.all = self.right + state[0], self.all + state[1]

    def compute(self):
        return Metrics({"accuracy": self.fraction()}, {"fraction": dict.fromkeys(self.names, self.fraction())})

    def fraction(self):
        return self.right / self.all if self.all else float("nan")


class Silent(Accuracy):
    result_type = None


class Unready(Accuracy):
    def fraction(self):
        return self.right / self.all


class NeedsSegments(Accuracy):
    def add(self, result, target, image_id):
        if len(target) == 0:
            raise ValueError("no segment")
        super().add(result, target, image_id)


class OverwritingResults(Accuracy):
    def add(self, result, target, image_id):
        result.label_map.zero_()


class OverwritingTargets(Accuracy):
    def add(self, result, target, image_id):
        target.segment_map.zero_()


class Number(Accuracy):
    def compute(self):
        return 0.5


class Nothing(Accuracy):
    def compute(self):
        return Metrics({}, {})


class OnlySeen(Accuracy):
    def compute(self):
        return Metrics({"accuracy": self.fraction()}, {"fraction": {"cat": 0.5}})


class Percent(Accuracy):
    def fraction(self):
        return 100 * super().fraction()


class Errors(Accuracy):
    """Counts wrong pixels."""

    def compute(self):
        errors = {"errors": float(self.all - self.right)}
        names = frozenset({"errors"})
        return Metrics(errors, {"errors": dict.fromkeys(self.names, errors["errors"])}, names, names)


class Misnamed(Accuracy):
    def compute(self):
        return Metrics(super().compute().values, {}, lower_is_better=frozenset({"errors"}))


class Endless(Errors):
    def compute(self):
        return Metrics({"errors": float("inf")}, {}, unbounded=frozenset({"errors"}))


class Tensors(Accuracy):
    def fraction(self):
        return torch.tensor(super().fraction())


class Later(Accuracy):
    """Has one more metric once there is something to compute it from."""

    def compute(self):
        metrics = super().compute()
        if self.all:
            metrics.values["more"] = 0.5
        return metrics


class Consuming(Accuracy):
    def compute(self):
        metrics = super().compute()
        self.right //= 2
        return metrics


class ConsumingClasses(Accuracy):
    def compute(self):
        per_class = super().compute().per_class
        self.right //= 2
        return Metrics({"accuracy": 0.5}, per_class)


class Keeping(Accuracy):
    """Keeps every map."""

    def __init__(self, classes):
        super().__init__(classes)
        self.maps = []

    def add(self, result, target, image_id):
        super().add(result, target, image_id)
        self.maps.append(result.label_map.to(torch.uint8))

    def state(self):
        return self.right, self.all, self.maps


class Unmerged(Accuracy):
    def merge(self, state):
        pass


class Unpicklable(Accuracy):
    def state(self):
        return lambda: self.right


MESSAGES = [
    (
        Silent,
        "evaluator Silent publishes result_type = None. The contract asks for SemanticResult, InstanceResult or "
        "PanopticResult.",
    ),
    (
        Unready,
        "evaluator Unready fails when it computes with nothing added: ZeroDivisionError: division by zero",
    ),
    (NeedsSegments, "evaluator NeedsSegments fails when image 3 of five is added: ValueError: no segment"),
    (OverwritingResults, "evaluator OverwritingResults changes the result in place. Leave it unchanged."),
    (OverwritingTargets, "evaluator OverwritingTargets changes the target in place. Leave it unchanged."),
    (Number, "evaluator Number computes a float. Return segkit.types.Metrics from compute."),
    (Nothing, "evaluator Nothing computes no metric with nothing added. Return at least one in Metrics.values."),
    (
        OnlySeen,
        "evaluator OnlySeen computes 'fraction' per class for cat with nothing added. Return all classes in "
        "order: cat, sky, dog, sea.",
    ),
    (
        Tensors,
        "evaluator Tensors computes accuracy = tensor(nan) with nothing added. The contract asks for a float in [0, "
        "1] or nan, or for a finite one of a metric that Metrics.unbounded names.",
    ),
    (
        Endless,
        "evaluator Endless computes errors = inf with nothing added. The contract asks for a float in [0, 1] or nan, "
        "or for a finite one of a metric that Metrics.unbounded names.",
    ),
    (
        Misnamed,
        "evaluator Misnamed computes no 'errors', which Metrics.lower_is_better names. Name metrics of values or "
        "per_class there.",
    ),
    (
        Later,
        "evaluator Later computes accuracy with nothing added and accuracy, more with images. Compute the same names "
        "in both cases, nan where there is nothing to measure.",
    ),
    (
        Consuming,
        "evaluator Consuming computes another accuracy in a second call of compute. Leave its state unchanged there.",
    ),
    (
        ConsumingClasses,
        "evaluator ConsumingClasses computes another fraction of cat in a second call of compute. Leave "
        "its state unchanged there.",
    ),
    (
        Unmerged,
        "evaluator Unmerged computes another accuracy from two merged halves than from all images at once. "
        "Merge all that add changes.",
    ),
]


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_evaluator, part) == message


def test_values_above_one():
    message = error_message(check_evaluator, Percent)
    value = float(message.split()[5])
    assert 1 < value < 100
    assert message == (
        f"evaluator Percent computes accuracy = {value!r} with five images added. The contract asks for a float in "
        "[0, 1] or nan, or for a finite one of a metric that Metrics.unbounded names."
    )


def test_memory_that_grows_with_the_pixels():
    message = error_message(check_evaluator, Keeping)
    kept = int(message.split()[3])
    assert 2**20 < kept < 2**20 + 2000
    assert message == (
        f"evaluator Keeping keeps {kept} bytes of an image of three stripes and 1024x1024 pixels. Keep counts or run "
        "lengths, so that memory does not grow with the number of pixels."
    )


def test_a_state_that_cannot_be_pickled():
    message = error_message(check_evaluator, Unpicklable)
    assert message.startswith("evaluator Unpicklable fails when its state is pickled and merged into another's: ")


@pytest.mark.parametrize("part", [Accuracy, Errors, MeanIoU, AveragePrecision, PanopticQuality])
def test_a_good_one_passes(part):
    check_evaluator(part)
