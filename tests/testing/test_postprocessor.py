"""Complaints about postprocessors, and about the results of any part."""

from dataclasses import replace

import pytest
import torch

from segkit.errors import ConfigError
from segkit.postprocessors.instance import Instance
from segkit.postprocessors.panoptic import Panoptic
from segkit.postprocessors.semantic import Semantic
from segkit.testing import check_postprocessor
from segkit.types import InstanceResult, PanopticSegment, PixelPrediction, SemanticResult
from tests.helpers.contract_errors import complaint, each_of


class Sure(Panoptic):
    """Finds segments in the noise that parts are tried with."""

    def __init__(self, classes):
        super().__init__(classes, score_threshold=0.0, overlap_threshold=0.0)


class Changing:
    """Gives what `changed` makes of each right result."""

    def __call__(self, prediction, sizes):
        return [self.changed(result) for result in super().__call__(prediction, sizes)]


class Silent(Semantic):
    result_type = None


class Refusing(Semantic):
    def __call__(self, prediction, sizes):
        raise ConfigError("neither")


class OtherError(Semantic):
    def __call__(self, prediction, sizes):
        if isinstance(prediction, PixelPrediction):
            raise AttributeError("no class_logits")
        return super().__call__(prediction, sizes)


class NoHalf(Semantic):
    def __call__(self, prediction, sizes):
        if not isinstance(prediction, PixelPrediction) and prediction.class_logits.dtype != torch.float32:
            raise TypeError("float32 is needed")
        return super().__call__(prediction, sizes)


class FirstOnly(Semantic):
    def __call__(self, prediction, sizes):
        return super().__call__(prediction, sizes)[:1]


class OtherKind(Semantic):
    result_type = InstanceResult


class Padded(Changing, Semantic):
    """Ignores the size wanted."""

    def changed(self, result):
        return SemanticResult(torch.zeros(32, 48, dtype=torch.int64))


class ShortLabels(Changing, Semantic):
    def changed(self, result):
        return SemanticResult(result.label_map.to(torch.uint8))


class WithNoObject(Changing, Semantic):
    def changed(self, result):
        return SemanticResult(torch.full_like(result.label_map, 4))


class Overwriting(Semantic):
    def __call__(self, prediction, sizes):
        if not isinstance(prediction, PixelPrediction):
            prediction.class_logits.sigmoid_()
        return super().__call__(prediction, sizes)


class Counting(Semantic):
    calls = 0

    def __call__(self, prediction, sizes):
        self.calls += 1
        return [SemanticResult(result.label_map * 0 + self.calls % 2) for result in super().__call__(prediction, sizes)]


class Together(Semantic):
    def __call__(self, prediction, sizes):
        return [SemanticResult(result.label_map * 0 + len(sizes)) for result in super().__call__(prediction, sizes)]


class WithPadding(Semantic):
    """Takes the whole batch for the image."""

    def __call__(self, prediction, sizes):
        return super().__call__(prediction, [replace(size, unpadded=size.padded) for size in sizes])


class StuffToo(Instance):
    def __init__(self, classes):
        super().__init__(classes)
        self._countable = torch.ones_like(self._countable)


class Percent(Changing, Instance):
    def changed(self, result):
        return replace(result, scores=torch.full_like(result.scores, 50.0))


class Rising(Changing, Instance):
    def changed(self, result):
        scores = torch.linspace(0.25, 1, 4)
        return InstanceResult(result.labels[:4], scores, result.masks[:4])


class Unmatched(Changing, Instance):
    def changed(self, result):
        return replace(result, scores=result.scores[:1])


class SoftMasks(Changing, Instance):
    def changed(self, result):
        return replace(result, masks=result.masks.float())


class OtherClass(Changing, Instance):
    def changed(self, result):
        return replace(result, labels=result.labels + 8)


class LongIds(Changing, Sure):
    def changed(self, result):
        return replace(result, segment_map=result.segment_map.long())


class SameIds(Changing, Sure):
    def changed(self, result):
        segments = [PanopticSegment(3, 0, True, 0.5), PanopticSegment(3, 1, False, 0.5)]
        return replace(result, segments=segments)


class ZeroId(Changing, Sure):
    def changed(self, result):
        return replace(result, segments=[PanopticSegment(0, 0, True, 0.5)])


class Listed(Changing, Sure):
    """One segment, on every pixel, of which the list says `self.listed`."""

    listed = PanopticSegment(1, 0, True, 0.5)

    def changed(self, result):
        return replace(result, segment_map=torch.ones_like(result.segment_map), segments=[self.listed])


class Unlisted(Listed):
    listed = PanopticSegment(2, 0, True, 0.5)


class Labelled(Listed):
    listed = PanopticSegment(1, 4, True, 0.5)


class Thing(Listed):
    listed = PanopticSegment(1, 1, True, 0.5)


class TensorScore(Listed):
    listed = PanopticSegment(1, 0, True, torch.tensor(0.5))


class Certain(Instance):
    """Gives an instance where there is none."""

    def __call__(self, prediction, sizes):
        results = super().__call__(prediction, sizes)
        return [replace(result, scores=torch.ones_like(result.scores)) for result in results]


class Everything(Listed):
    """One segment of the first class, whatever the model says."""

    def changed(self, result):
        segment = replace(self.listed, is_thing=self.classes.things[0])
        return replace(result, segment_map=torch.ones_like(result.segment_map), segments=[segment])


GIVES = "gives for image 0 on a Prediction"
COMPLAINTS = [
    (
        Silent,
        "postprocessor Silent says result_type = None, where SemanticResult, InstanceResult or PanopticResult is "
        "promised",
    ),
    (
        Refusing,
        "postprocessor Refusing refuses a Prediction and a PixelPrediction alike, where it is promised to take one",
    ),
    (OtherError, "postprocessor OtherError fails on a PixelPrediction: AttributeError: no class_logits"),
    (NoHalf, "postprocessor NoHalf fails on a Prediction in bf16: TypeError: float32 is needed"),
    (FirstOnly, "postprocessor FirstOnly gives 1 results for 2 images on a Prediction"),
    (
        OtherKind,
        "postprocessor OtherKind gives for image 0 a SemanticResult, where it says result_type = InstanceResult",
    ),
    (
        Padded,
        f"postprocessor Padded {GIVES} label_map (32, 48) of int64, where (47, 60) of int64 is promised",
    ),
    (
        ShortLabels,
        f"postprocessor ShortLabels {GIVES} label_map (47, 60) of uint8, where (47, 60) of int64 is promised",
    ),
    (
        WithNoObject,
        f"postprocessor WithNoObject {GIVES} a label_map of values 4..4, where 0..3 are promised",
    ),
    (
        Overwriting,
        "postprocessor Overwriting changes the class_logits it is given in place, which others may still need",
    ),
    (Counting, "postprocessor Counting gives two answers to two calls with the same prediction"),
    (Together, "postprocessor Together answers image 0 otherwise alone than in a batch"),
    (
        WithPadding,
        "postprocessor WithPadding shows on 64 of 160 pixels another class than the one that fills the image; the "
        "others lie on padding, which is promised to be cut away",
    ),
    (
        Percent,
        f"postprocessor Percent {GIVES} the scores {[50.0] * 12}, where values in [0, 1] are promised",
    ),
    (
        Rising,
        f"postprocessor Rising {GIVES} the scores [0.25, 0.5, 0.75, 1.0], where falling ones are promised",
    ),
    (
        Unmatched,
        f"postprocessor Unmatched {GIVES} scores (1,) of float32, where (12,) of float32 or float64 is promised",
    ),
    (
        SoftMasks,
        f"postprocessor SoftMasks {GIVES} masks (12, 47, 60) of float32, where (12, 47, 60) of bool is promised",
    ),
    (
        OtherClass,
        f"postprocessor OtherClass {GIVES} labels of values 8..10, where 0..3 are promised",
    ),
    (
        StuffToo,
        f"postprocessor StuffToo {GIVES} instances of sea, sky, where only things have any",
    ),
    (
        LongIds,
        f"postprocessor LongIds {GIVES} segment_map (47, 60) of int64, where (47, 60) of int32 is promised",
    ),
    (
        SameIds,
        f"postprocessor SameIds {GIVES} segments with the ids [3, 3], where distinct ones from 1 are promised",
    ),
    (
        ZeroId,
        f"postprocessor ZeroId {GIVES} segments with the ids [0], where distinct ones from 1 are promised",
    ),
    (
        Unlisted,
        f"postprocessor Unlisted {GIVES} a segment_map that holds the ids [1] with a list of the "
        "segments [2], where both are promised to hold the same",
    ),
    (
        Labelled,
        f"postprocessor Labelled {GIVES} a segment of label 4, where 0..3 are promised",
    ),
    (
        Thing,
        f"postprocessor Thing {GIVES} a segment of 'sky' with is_thing = True, where the class list says otherwise",
    ),
    (
        TensorScore,
        f"postprocessor TensorScore {GIVES} a segment of score tensor(0.5000), where a number in [0, 1] is promised",
    ),
    (Certain, "postprocessor Certain gives an instance of score 1 where every query is certain of no object"),
    (Everything, "postprocessor Everything gives 1 segments where every query is certain of no object"),
]


@each_of(COMPLAINTS)
def test_complaint(part, message):
    assert complaint(check_postprocessor, part) == message


@pytest.mark.parametrize("part", [Semantic, Instance, Panoptic, Sure])
def test_a_good_one_passes(part):
    check_postprocessor(part)
