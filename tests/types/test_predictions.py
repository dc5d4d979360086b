"""Predictions, computed by hand on small maps."""

import pytest
import torch

from segkit.types import MaskProduct, PixelPrediction, Prediction


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
