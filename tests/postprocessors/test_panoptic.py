import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate
from transformers import MaskFormerImageProcessor

from segkit.classes import Classes
from segkit.errors import ConfigError
from segkit.ops import resizing
from segkit.postprocessors.panoptic import Panoptic
from segkit.types import ImageSizes, PanopticSegment, PixelPrediction, Prediction

CLASSES = Classes.make(["sky", "road", "car", "person"], things=[False, False, True, True])
TINY = ImageSizes((1, 8), (1, 8), (1, 8))


def random_prediction(batch=2, queries=30, num_classes=4):
    """Smooth blobs, so that queries win regions and not single pixels."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.randn(batch, queries, 4, 5, generator=generator)
    masks = 8 * interpolate(coarse, size=(16, 24), mode="bicubic")
    return Prediction(4 * torch.randn(batch, queries, num_classes + 1, generator=generator), dense_mask_logits=masks)


def by_hand(rows):
    """A prediction of one image of 1 x 8 pixels from (label, class probability, mask probabilities) per query."""
    probs = torch.zeros(1, len(rows), len(CLASSES) + 1)
    for query, (label, score, _) in enumerate(rows):
        probs[0, query] = (1 - score) / len(CLASSES)
        probs[0, query, label] = score
    masks = torch.tensor([mask for _, _, mask in rows])[None, :, None]
    return Prediction(probs.log(), dense_mask_logits=masks.logit())


def plainly(class_logits, masks, size, classes, score_threshold, overlap_threshold):
    """The paper's inference, query after query, on whole maps of one image."""
    padded = interpolate(masks[None], size=size.padded, mode="bilinear", align_corners=False)
    cropped = padded[..., : size.unpadded[0], : size.unpadded[1]]
    probs = interpolate(cropped, size=size.output, mode="bilinear", align_corners=False)[0].sigmoid()
    scores, labels = class_logits.softmax(-1).max(-1)
    kept = (labels != len(classes)) & (scores > score_threshold)
    probs, scores, labels = probs[kept], scores[kept], labels[kept]
    winner = (probs * scores[:, None, None]).argmax(0)
    segment_map, segments, stuff = torch.zeros(size.output, dtype=torch.int32), [], {}
    for query, label in enumerate(labels.tolist()):
        won, own = int((winner == query).sum()), int((probs[query] >= 0.5).sum())
        if won == 0 or own == 0 or won / own < overlap_threshold:
            continue
        if label in stuff:
            segment_map[winner == query] = stuff[label]
            continue
        segments.append((len(segments) + 1, label))
        segment_map[winner == query] = len(segments)
        if not classes.things[label]:
            stuff[label] = len(segments)
    return segment_map, segments


def test_the_original_program_finds_the_same_segments(shared_golden):
    stored = np.load(shared_golden / "original" / "coco-panoptic__maskformer_panoptic_R50_bs64_554k.npz")
    classes = Classes.make([str(index) for index in range(133)], things=[index < 80 for index in range(133)])
    prediction = Prediction(
        torch.from_numpy(stored["pred_logits"]), dense_mask_logits=torch.from_numpy(stored["pred_masks"])
    )

    (result,) = Panoptic(classes, score_threshold=0.0)(prediction, [ImageSizes((64, 96), (64, 96), (50, 80))])

    assert np.array_equal(result.segment_map.numpy(), stored["panoptic_threshold0"])
    theirs = json.loads(str(stored["panoptic_segments"]))
    assert [(one.id, one.label) for one in result.segments] == [(one["id"], one["category_id"]) for one in theirs]


@pytest.mark.parametrize("chunk", [1, 5000, 1 << 20])
@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.2])
def test_bands_find_what_the_paper_describes(chunk, overlap, monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", chunk)
    prediction = random_prediction()
    sizes = [ImageSizes((64, 96), (60, 91), (50, 80)), ImageSizes((64, 96), (64, 96), (130, 200))]

    results = Panoptic(CLASSES, score_threshold=0.3, overlap_threshold=overlap)(prediction, sizes)

    for image, size in enumerate(sizes):
        expected_map, expected = plainly(
            prediction.class_logits[image], prediction.mask_logits[image], size, CLASSES, 0.3, overlap
        )
        assert len(expected) > 1
        assert torch.equal(results[image].segment_map, expected_map)
        assert [(segment.id, segment.label) for segment in results[image].segments] == expected


def test_transformers_finds_the_same_segments():
    prediction = random_prediction()
    outputs = SimpleNamespace(
        class_queries_logits=prediction.class_logits, masks_queries_logits=prediction.dense_mask_logits
    )

    results = Panoptic(CLASSES, score_threshold=0.3, overlap_threshold=0.1)(
        prediction, [ImageSizes((16, 24), (16, 24), (16, 24))] * 2
    )

    theirs = MaskFormerImageProcessor().post_process_panoptic_segmentation(
        outputs, threshold=0.3, overlap_mask_area_threshold=0.1, label_ids_to_fuse={0, 1}
    )
    for result, their in zip(results, theirs, strict=True):
        assert torch.equal(result.segment_map, their["segmentation"])
        assert result.segments
        segments = {info["id"]: info["label_id"] for info in their["segments_info"]}
        assert {segment.id: segment.label for segment in result.segments} == segments


def test_by_hand():
    """Stuff in two parts is one segment with the better score; the second car is hidden by the first; the person is
    not sure enough."""
    prediction = by_hand(
        [
            (0, 0.90, [0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]),
            (2, 0.95, [0.1, 0.1, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1]),
            (2, 0.85, [0.1, 0.1, 0.8, 0.8, 0.8, 0.9, 0.1, 0.1]),
            (3, 0.70, [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]),
            (0, 0.93, [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9]),
        ]
    )

    (result,) = Panoptic(CLASSES)(prediction, [TINY])

    assert result.segment_map.tolist() == [[1, 1, 2, 2, 2, 0, 1, 1]]
    assert result.segment_map.dtype == torch.int32
    assert result.segments == [
        PanopticSegment(1, 0, False, pytest.approx(0.93)),
        PanopticSegment(2, 2, True, pytest.approx(0.95)),
    ]


def test_chosen_things_are_fused_too():
    prediction = by_hand(
        [
            (2, 0.9, [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1]),
            (2, 0.9, [0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9]),
        ]
    )

    (apart,) = Panoptic(CLASSES)(prediction, [TINY])
    (fused,) = Panoptic(CLASSES, fuse=["car"])(prediction, [TINY])

    assert apart.segment_map.tolist() == [[1, 1, 1, 1, 2, 2, 2, 2]]
    assert fused.segment_map.tolist() == [[1] * 8]
    assert [segment.is_thing for segment in fused.segments] == [True]


def test_a_query_that_wins_exactly_the_threshold_is_kept():
    """As in the original; four of five pixels at a threshold of 0.8."""
    prediction = by_hand(
        [
            (2, 0.9, [0.9, 0.9, 0.9, 0.9, 0.6, 0.1, 0.1, 0.1]),
            (3, 0.9, [0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9]),
        ]
    )

    (result,) = Panoptic(CLASSES)(prediction, [TINY])

    assert result.segment_map.tolist() == [[1, 1, 1, 1, 2, 2, 2, 2]]


def test_no_query_is_sure():
    prediction = by_hand([(4, 0.99, [0.9] * 8), (2, 0.5, [0.9] * 8)])

    (result,) = Panoptic(CLASSES)(prediction, [ImageSizes((1, 8), (1, 8), (3, 5))])

    assert result.segment_map.tolist() == [[0] * 5] * 3
    assert result.segment_map.dtype == torch.int32
    assert result.segments == []


def test_an_unknown_class_to_fuse():
    with pytest.raises(ConfigError) as error:
        Panoptic(CLASSES, fuse=["persn"])

    assert str(error.value) == (
        "postprocessor 'panoptic': fuse: there is no class 'persn'. Did you mean 'person'? "
        "There are: sky, road, car, person"
    )


def test_a_per_pixel_model_cannot_answer():
    with pytest.raises(ConfigError) as error:
        Panoptic(CLASSES)(PixelPrediction(torch.zeros(1, 4, 2, 2)), [TINY])

    assert str(error.value) == (
        "postprocessor 'panoptic': a per-pixel model predicts the class of each pixel, but no objects. "
        "Use the postprocessor 'semantic', or a model with queries such as 'mask_former'."
    )


def test_the_quality_of_masks_decides_who_wins_and_who_is_left_out():
    both, left = [0.9] * 8, [0.9] * 4 + [0.1] * 4
    prediction = by_hand([(2, 0.95, both), (2, 0.9, left), (3, 0.99, both)])
    prediction.mask_quality = torch.tensor([[0.5, 1.0, 0.1]])
    (result,) = Panoptic(CLASSES, score_threshold=0.3, overlap_threshold=0.4)(prediction, [TINY])
    assert result.segment_map.tolist() == [[2] * 4 + [1] * 4]
    assert [(one.label, round(one.score, 3)) for one in result.segments] == [(2, 0.475), (2, 0.9)]
