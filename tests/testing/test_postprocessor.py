"""Error messages about postprocessors, and about the results of any part."""

from dataclasses import replace

import pytest
import torch

from segkit.errors import ConfigError
from segkit.postprocessors.instance import Instance
from segkit.postprocessors.panoptic import Panoptic
from segkit.postprocessors.semantic import Semantic
from segkit.testing import check_postprocessor
from segkit.types import InstanceResult, PanopticSegment, PixelPrediction, Prediction, SemanticResult
from tests.helpers.contract_errors import each_of, error_message


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


class Uncritical:
    """Does not ask for the quality of masks."""

    def __call__(self, prediction, sizes):
        queries = isinstance(prediction, Prediction)
        return super().__call__(replace(prediction, mask_quality=None) if queries else prediction, sizes)


class UncriticalInstance(Uncritical, Instance):
    pass


class UncriticalPanoptic(Uncritical, Panoptic):
    pass


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


RETURNS = "returns for image 0 on a Prediction"
MESSAGES = [
    (
        UncriticalInstance,
        "postprocessor UncriticalInstance returns an instance with score 0.941 where every mask is of quality 0. "
        "Multiply mask_quality into the scores.",
    ),
    (
        UncriticalPanoptic,
        "postprocessor UncriticalPanoptic returns 3 segments where every mask is of quality 0. Multiply mask_quality "
        "into the scores.",
    ),
    (
        Silent,
        "postprocessor Silent publishes result_type = None. The contract asks for SemanticResult, InstanceResult or "
        "PanopticResult.",
    ),
    (
        Refusing,
        "postprocessor Refusing refuses both a Prediction and a PixelPrediction. Support at least one of them.",
    ),
    (OtherError, "postprocessor OtherError fails on a PixelPrediction: AttributeError: no class_logits"),
    (NoHalf, "postprocessor NoHalf fails on a Prediction in bf16: TypeError: float32 is needed"),
    (FirstOnly, "postprocessor FirstOnly returns 1 results for 2 images on a Prediction. Return one per image."),
    (
        OtherKind,
        "postprocessor OtherKind returns a SemanticResult for image 0, but publishes result_type = InstanceResult. "
        "Return that type.",
    ),
    (
        Padded,
        f"postprocessor Padded {RETURNS} label_map (32, 48) of int64. The contract asks for (47, 60) of int64.",
    ),
    (
        ShortLabels,
        f"postprocessor ShortLabels {RETURNS} label_map (47, 60) of uint8. The contract asks for (47, 60) of int64.",
    ),
    (
        WithNoObject,
        f"postprocessor WithNoObject {RETURNS} a label_map of values 4..4. The contract asks for 0..3.",
    ),
    (
        Overwriting,
        "postprocessor Overwriting changes the class_logits of its input in place. Compute on a copy, because others "
        "still use the input.",
    ),
    (
        Counting,
        "postprocessor Counting returns different results in two calls with the same prediction. Keep no state.",
    ),
    (
        Together,
        "postprocessor Together returns another result for image 0 alone than in a batch. Compute each image "
        "by itself.",
    ),
    (
        WithPadding,
        "postprocessor WithPadding returns another class than the one that covers the image at 64 of 160 pixels. Cut "
        "off the padding before resizing to the output size.",
    ),
    (
        Percent,
        f"postprocessor Percent {RETURNS} the scores {[50.0] * 12}. The contract asks for values in [0, 1].",
    ),
    (
        Rising,
        f"postprocessor Rising {RETURNS} the scores [0.25, 0.5, 0.75, 1.0]. Sort them from high to low.",
    ),
    (
        Unmatched,
        f"postprocessor Unmatched {RETURNS} scores (1,) of float32. The contract asks for (12,) of float32 or float64.",
    ),
    (
        SoftMasks,
        f"postprocessor SoftMasks {RETURNS} masks (12, 47, 60) of float32. The contract asks for (12, 47, 60) of bool.",
    ),
    (
        OtherClass,
        f"postprocessor OtherClass {RETURNS} labels of values 8..10. The contract asks for 0..3.",
    ),
    (
        StuffToo,
        f"postprocessor StuffToo {RETURNS} instances of sea, sky. Only things have instances.",
    ),
    (
        LongIds,
        f"postprocessor LongIds {RETURNS} segment_map (47, 60) of int64. The contract asks for (47, 60) of int32.",
    ),
    (
        SameIds,
        f"postprocessor SameIds {RETURNS} segments with the ids [3, 3]. The contract asks for distinct ids of at "
        "least 1.",
    ),
    (
        ZeroId,
        f"postprocessor ZeroId {RETURNS} segments with the ids [0]. The contract asks for distinct ids of at least 1.",
    ),
    (
        Unlisted,
        f"postprocessor Unlisted {RETURNS} a segment_map with the ids [1] and a list of the segments [2]. Give both "
        "the same ids.",
    ),
    (
        Labelled,
        f"postprocessor Labelled {RETURNS} a segment with label 4. The contract asks for 0..3.",
    ),
    (
        Thing,
        f"postprocessor Thing {RETURNS} a segment of 'sky' with is_thing = True. Take is_thing from the classes.",
    ),
    (
        TensorScore,
        f"postprocessor TensorScore {RETURNS} a segment with score tensor(0.5000). The contract asks for a float "
        "in [0, 1].",
    ),
    (
        Certain,
        "postprocessor Certain returns an instance with score 1 where every query is certain of no object. "
        "Give it a score of 0, or drop it.",
    ),
    (
        Everything,
        "postprocessor Everything returns 1 segments where every query is certain of no object. Drop such queries.",
    ),
]


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_postprocessor, part) == message


@pytest.mark.parametrize("part", [Semantic, Instance, Panoptic, Sure])
def test_a_good_one_passes(part):
    check_postprocessor(part)
