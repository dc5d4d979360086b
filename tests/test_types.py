"""Targets, batches and predictions, computed by hand on small maps."""

import pytest
import torch

from segkit.types import Batch, ImageSizes, MaskProduct, PixelPrediction, Prediction, Sample, Target
from tests.helpers.targets import empty_target, map_target, mask_target


def test_a_target_needs_exactly_one_form_of_masks():
    with pytest.raises(AssertionError, match=r"^one of segment_map, overlapping_masks$"):
        Target(torch.tensor([1]))
    with pytest.raises(AssertionError, match=r"^one of segment_map, overlapping_masks$"):
        Target(torch.tensor([1]), torch.zeros(1, 1), torch.zeros(1, 1, 1))


@pytest.mark.parametrize("target", [map_target(), mask_target()])
def test_length_and_size(target):
    assert len(target) == 3
    assert target.size == (2, 3)


def test_masks_are_made_of_the_map():
    masks = map_target().masks
    assert masks.dtype == torch.bool
    assert masks.int().tolist() == [[[1, 1, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 0]]]
    assert torch.equal(mask_target().masks, mask_target().overlapping_masks)


def test_masks_of_chosen_segments():
    chosen = torch.tensor([2, 0, 2])
    assert torch.equal(map_target().masks_of(chosen), map_target().masks[chosen])
    assert torch.equal(mask_target().masks_of(chosen), mask_target().masks[chosen])


@pytest.mark.parametrize("overlapping", [False, True])
def test_a_target_without_segments(overlapping):
    target = empty_target(overlapping)
    assert len(target) == 0
    assert target.size == (2, 3)
    assert target.masks.shape == (0, 2, 3)
    assert len(target.to("cpu")) == 0


def test_moving_keeps_everything():
    target = map_target(valid=torch.ones(2, 3, dtype=torch.bool), is_crowd=torch.zeros(3, dtype=torch.bool))
    moved = target.to("meta")
    assert moved.labels.is_meta
    assert moved.segment_map.is_meta
    assert moved.valid.is_meta
    assert moved.is_crowd.is_meta
    assert moved.overlapping_masks is moved.areas is None


def test_a_sample_has_the_size_of_its_image():
    assert Sample(torch.zeros(3, 4, 6, dtype=torch.uint8), None, "a.png", 1).size == (4, 6)


def test_masks_of_a_product():
    embeddings = torch.tensor([[[1.0, 0], [2, 1]]])  # (B, Q, E)
    features = torch.tensor([[[[1.0, 2, 3]], [[10, 20, 30]]]])  # (B, E, h, w)
    prediction = Prediction(torch.zeros(1, 2, 3), embeddings, features)
    assert prediction.num_queries == 2
    assert prediction.mask_size == (1, 3)
    assert prediction.mask_source == MaskProduct(embeddings, features)
    assert prediction.mask_logits.tolist() == [[[[1, 2, 3]], [[12, 24, 36]]]]
    assert prediction.mask_logits_of(0, torch.tensor([1])).tolist() == [[[12, 24, 36]]]


def test_masks_that_are_no_product():
    masks = torch.arange(6.0).view(1, 2, 1, 3)
    prediction = Prediction(torch.zeros(1, 2, 3), dense_mask_logits=masks)
    assert prediction.mask_size == (1, 3)
    assert prediction.mask_source is prediction.mask_logits is masks
    assert prediction.mask_logits_of(0, torch.tensor([1])).tolist() == [[[3, 4, 5]]]


def test_a_prediction_without_masks_is_refused():
    with pytest.raises(AssertionError) as caught:
        _ = Prediction(torch.zeros(1, 2, 3), mask_embeddings=torch.zeros(1, 2, 4)).mask_logits
    assert str(caught.value).startswith("a Prediction needs mask_embeddings and mask_features, or dense_mask_logits")


def test_layers_end_with_the_last():
    first = Prediction(torch.zeros(1, 2, 3))
    last = Prediction(torch.ones(1, 2, 3), auxiliary=[first])
    assert last.layers[0] is first
    assert last.layers[1] is last
    only = PixelPrediction(torch.zeros(1, 2, 4, 4))
    assert only.layers == [only]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="memory is pinned for a GPU")
def test_pinned_memory():
    sizes = ImageSizes((2, 3), (2, 3), (2, 3))
    images = torch.zeros(2, 3, 2, 3, dtype=torch.uint8)
    batch = Batch(images, [sizes] * 2, [map_target(), empty_target(True)], ["a.png"] * 2, [1, 2]).pin_memory()
    assert batch.images.is_pinned()
    assert batch.targets[0].segment_map.is_pinned()
    assert batch.targets[0].valid is None
    assert len(batch.targets[1]) == 0
