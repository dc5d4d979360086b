from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import interpolate
from transformers import MaskFormerImageProcessor

from segkit.classes import Classes
from segkit.errors import ConfigError
from segkit.ops import resizing
from segkit.postprocessors.instance import Instance
from segkit.types import ImageSizes, PixelPrediction, Prediction

THINGS = Classes.make(["car", "person", "dog"])
MIXED = Classes.make(["sky", "car", "person"], things=[False, True, True])
TINY = ImageSizes((1, 4), (1, 4), (1, 4))


def random_prediction(batch=2, queries=12, num_classes=3):
    generator = torch.Generator().manual_seed(3)
    coarse = torch.randn(batch, queries, 4, 5, generator=generator)
    masks = 8 * interpolate(coarse, size=(16, 24), mode="bicubic")
    return Prediction(4 * torch.randn(batch, queries, num_classes + 1, generator=generator), dense_mask_logits=masks)


def by_hand(class_probs, mask_probs):
    """(Q,K+1) and (Q,4) probabilities -> a prediction of one image of 1 x 4 pixels."""
    masks = torch.tensor(mask_probs)[None, :, None]
    return Prediction(torch.tensor([class_probs]).log(), dense_mask_logits=masks.logit())


@pytest.mark.parametrize("chunk", [1, 5000, 1 << 20])
def test_bands_find_what_whole_maps_do(chunk, monkeypatch):
    monkeypatch.setattr(resizing, "CPU_CHUNK", chunk)
    prediction = random_prediction()
    sizes = [ImageSizes((64, 96), (60, 91), (50, 80)), ImageSizes((64, 96), (64, 96), (130, 200))]

    results = Instance(THINGS, max_instances=20)(prediction, sizes)

    for image, size in enumerate(sizes):
        padded = interpolate(prediction.mask_logits[image][None], size=size.padded, mode="bilinear")
        cropped = padded[..., : size.unpadded[0], : size.unpadded[1]]
        logits = interpolate(cropped, size=size.output, mode="bilinear")[0]
        expected = []
        for query in range(12):
            mask = logits[query] > 0
            certainty = float(logits[query].sigmoid()[mask].mean()) if mask.any() else 0.0
            class_probs = prediction.class_logits[image, query].softmax(-1)
            expected += [(float(class_probs[label]), certainty, query, label) for label in range(3)]
        best = [(p * c, query, label) for p, c, query, label in sorted(expected, reverse=True)[:20] if c > 0]
        best.sort(reverse=True)
        assert results[image].labels.tolist() == [label for _, _, label in best]
        torch.testing.assert_close(results[image].scores, torch.tensor([score for score, _, _ in best]))
        assert torch.equal(results[image].masks, torch.stack([logits[query] > 0 for _, query, _ in best]))


def test_transformers_finds_the_same_instances():
    """At the masks' own size and with as many instances as queries, which it has fixed; it does not sort."""
    prediction = random_prediction()
    outputs = SimpleNamespace(
        class_queries_logits=prediction.class_logits, masks_queries_logits=prediction.dense_mask_logits
    )

    results = Instance(THINGS, max_instances=12, score_threshold=0.05)(
        prediction, [ImageSizes((16, 24), (16, 24), (16, 24))] * 2
    )

    theirs = MaskFormerImageProcessor().post_process_instance_segmentation(
        outputs, threshold=0.05, return_binary_maps=True
    )
    for result, their in zip(results, theirs, strict=True):
        order = sorted(range(len(their["segments_info"])), key=lambda index: -their["segments_info"][index]["score"])
        assert result.labels.tolist() == [their["segments_info"][index]["label_id"] for index in order]
        scores = torch.tensor([their["segments_info"][index]["score"] for index in order])
        torch.testing.assert_close(result.scores, scores, rtol=0, atol=2e-6)
        assert torch.equal(result.masks, their["segmentation"][order].bool())


def test_by_hand():
    """A query may answer twice; masks may overlap; the score is class probability x mean mask probability inside."""
    prediction = by_hand([[0.6, 0.3, 0.05, 0.05], [0.1, 0.7, 0.1, 0.1]], [[0.9, 0.7, 0.1, 0.1], [0.1, 0.8, 0.8, 0.5]])

    (result,) = Instance(THINGS, max_instances=3)(prediction, [TINY])

    assert result.labels.tolist() == [1, 0, 1]
    torch.testing.assert_close(result.scores, torch.tensor([0.7 * 0.8, 0.6 * 0.8, 0.3 * 0.8]))
    assert result.masks.dtype == torch.bool
    assert result.masks.int().tolist() == [[[0, 1, 1, 0]], [[1, 1, 0, 0]], [[1, 1, 0, 0]]]


def test_below_the_score_threshold_is_dropped():
    prediction = by_hand([[0.6, 0.3, 0.05, 0.05], [0.1, 0.7, 0.1, 0.1]], [[0.9, 0.7, 0.1, 0.1], [0.1, 0.8, 0.8, 0.5]])

    (result,) = Instance(THINGS, score_threshold=0.5)(prediction, [TINY])

    assert result.labels.tolist() == [1]


def test_stuff_is_left_out():
    prediction = by_hand([[0.8, 0.1, 0.05, 0.05], [0.1, 0.7, 0.1, 0.1]], [[0.9, 0.9, 0.1, 0.1], [0.1, 0.8, 0.8, 0.5]])

    (result,) = Instance(MIXED, max_instances=2)(prediction, [TINY])

    assert result.labels.tolist() == [1]


def test_a_class_list_of_stuff_alone_counts_as_things():
    prediction = by_hand([[0.8, 0.2]], [[0.9, 0.9, 0.1, 0.1]])

    (result,) = Instance(Classes.make(["sky"], things=[False]))(prediction, [TINY])

    assert result.labels.tolist() == [0]


def test_empty_masks_are_dropped():
    prediction = by_hand([[0.9, 0.1]], [[0.1, 0.2, 0.3, 0.4]])

    (result,) = Instance(Classes.make(["car"]))(prediction, [ImageSizes((1, 4), (1, 4), (3, 5))])

    assert result.labels.shape == (0,)
    assert result.scores.shape == (0,)
    assert result.masks.shape == (0, 3, 5)


def test_nothing_above_the_threshold():
    prediction = by_hand([[0.2, 0.8]], [[0.9, 0.9, 0.9, 0.9]])

    (result,) = Instance(Classes.make(["car"]), score_threshold=0.5)(prediction, [TINY])

    assert (len(result.labels), len(result.scores), result.masks.shape) == (0, 0, (0, 1, 4))


def test_a_per_pixel_model_cannot_answer():
    with pytest.raises(ConfigError) as error:
        Instance(THINGS)(PixelPrediction(torch.zeros(1, 3, 2, 2)), [TINY])

    assert str(error.value) == (
        "postprocessor 'instance': a per-pixel model predicts the class of each pixel, but no objects. "
        "Use the postprocessor 'semantic', or a model with queries such as 'mask_former'."
    )


def test_the_quality_of_masks_counts_in_ranking_and_scores():
    """Of two queries, the less certain one has the better mask. One instance is wanted."""
    prediction = by_hand([[0.8, 0.0, 0.0, 0.2], [0.6, 0.0, 0.0, 0.4]], [[0.9, 0.9, 0.1, 0.1], [0.1, 0.1, 0.9, 0.9]])
    prediction.mask_quality = torch.tensor([[0.5, 1.0]])
    (result,) = Instance(THINGS, max_instances=1)(prediction, [TINY])
    assert result.masks.tolist() == [[[False, False, True, True]]]
    assert result.scores.tolist() == pytest.approx([0.6 * 0.9])
    (result,) = Instance(THINGS, score_threshold=0.35)(prediction, [TINY])
    assert result.scores.tolist() == pytest.approx([0.6 * 0.9, 0.8 * 0.5 * 0.9])
