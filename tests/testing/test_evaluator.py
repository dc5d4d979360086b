"""Complaints about evaluators."""

import pytest
import torch

from segkit.evaluators.average_precision import AveragePrecision
from segkit.evaluators.mean_iou import MeanIoU
from segkit.evaluators.panoptic_quality import PanopticQuality
from segkit.ops.targets import label_map_of
from segkit.testing import check_evaluator
from segkit.types import Metrics, SemanticResult
from tests.helpers.contract_errors import complaint, each_of


class Accuracy:
    """The share of right pixels."""

    result_type = SemanticResult

    def __init__(self, classes):
        self.names = classes.names
        self.right = self.all = 0

    def add(self, result, target, image_id):
        truth = label_map_of(target, 255)
        self.right += int((truth == result.label_map).sum())
        self.all += int((truth != 255).sum())

    def state(self):
        return self.right, self.all

    def merge(self, state):
        self.right, self.all = self.right + state[0], self.all + state[1]

    def compute(self):
        return Metrics({"accuracy": self.share()}, {"share": dict.fromkeys(self.names, self.share())})

    def share(self):
        return self.right / self.all if self.all else float("nan")


class Silent(Accuracy):
    result_type = None


class Unready(Accuracy):
    def share(self):
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
        return Metrics({"accuracy": self.share()}, {"share": {"cat": 0.5}})


class Percent(Accuracy):
    def share(self):
        return 100 * super().share()


class Tensors(Accuracy):
    def share(self):
        return torch.tensor(super().share())


class Later(Accuracy):
    """Has a figure more once there is something to compute it from."""

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


COMPLAINTS = [
    (
        Silent,
        "evaluator Silent says result_type = None, where SemanticResult, InstanceResult or PanopticResult is promised",
    ),
    (
        Unready,
        "evaluator Unready fails when it computes with nothing added: ZeroDivisionError: division by zero",
    ),
    (NeedsSegments, "evaluator NeedsSegments fails when image 3 of five is added: ValueError: no segment"),
    (OverwritingResults, "evaluator OverwritingResults changes the result it is given in place"),
    (OverwritingTargets, "evaluator OverwritingTargets changes the target it is given in place"),
    (Number, "evaluator Number computes a float, where Metrics are promised"),
    (Nothing, "evaluator Nothing computes no figure with nothing added, where one at least is promised"),
    (
        OnlySeen,
        "evaluator OnlySeen computes 'share' per class for cat with nothing added, where cat, sky, dog, sea are "
        "promised",
    ),
    (
        Tensors,
        "evaluator Tensors computes accuracy = tensor(nan) with nothing added, where a float in [0, 1] or nan is "
        "promised",
    ),
    (
        Later,
        "evaluator Later computes accuracy with nothing added and accuracy, more with images, where the same names are "
        "promised",
    ),
    (Consuming, "evaluator Consuming computes another accuracy when it is asked again"),
    (ConsumingClasses, "evaluator ConsumingClasses computes another share of cat when it is asked again"),
    (Unmerged, "evaluator Unmerged computes another accuracy when two halves are merged than when all is added to one"),
]


@each_of(COMPLAINTS)
def test_complaint(part, message):
    assert complaint(check_evaluator, part) == message


def test_figures_beyond_one():
    message = complaint(check_evaluator, Percent)
    figure = float(message.split()[5])
    assert 1 < figure < 100
    assert message == (
        f"evaluator Percent computes accuracy = {figure!r} with five images added, where a float in [0, 1] or nan is "
        "promised"
    )


def test_memory_that_grows_with_the_pixels():
    message = complaint(check_evaluator, Keeping)
    kept = int(message.split()[3])
    assert 2**20 < kept < 2**20 + 2000
    assert message == (
        f"evaluator Keeping keeps {kept} bytes of an image of three stripes and 1024x1024 pixels, where memory is "
        "promised not to grow with the pixels seen"
    )


def test_a_state_that_cannot_be_pickled():
    message = complaint(check_evaluator, Unpicklable)
    assert message.startswith("evaluator Unpicklable fails when its state is pickled and merged into another's: ")


@pytest.mark.parametrize("part", [Accuracy, MeanIoU, AveragePrecision, PanopticQuality])
def test_a_good_one_passes(part):
    check_evaluator(part)
