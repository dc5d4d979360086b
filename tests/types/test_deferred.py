"""Deferred mask features against the convolution and the product, one after the other."""

import pytest
import torch
from torch import nn

from segkit.types import DeferredFeatures, MaskProduct, Prediction


def inputs(batch=2, size=(6, 9), bias=True, kernel_size=3):
    torch.manual_seed(0)
    convolution = nn.Conv2d(5, 12, kernel_size, padding=kernel_size // 2, bias=bias)
    return torch.randn(batch, 5, *size), convolution, torch.randn(batch, 10, 12)


def close(found, expected, tolerance=1e-5):
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel_size", [1, 3])
@torch.no_grad()
def test_masks_are_those_of_the_plain_features(bias, kernel_size):
    maps, convolution, embeddings = inputs(bias=bias, kernel_size=kernel_size)
    plain = Prediction(torch.zeros(2, 10, 4), embeddings, convolution(maps))
    deferred = Prediction(torch.zeros(2, 10, 4), embeddings, DeferredFeatures(maps, convolution))
    close(deferred.mask_logits, plain.mask_logits)
    for queries in ([7, 2], [3], []):
        found = deferred.mask_logits_of(1, torch.tensor(queries, dtype=torch.int64))
        assert found.shape == (len(queries), 6, 9)
        torch.testing.assert_close(found, plain.mask_logits[1, queries], atol=1e-5, rtol=1e-5)
    assert deferred.mask_size == (6, 9)


@torch.no_grad()
def test_features_are_computed_once_where_they_are_read():
    maps, convolution, embeddings = inputs()
    features = DeferredFeatures(maps, convolution)
    prediction = Prediction(torch.zeros(2, 10, 4), embeddings, features)
    before = prediction.mask_logits
    assert features.shape == (2, 12, 6, 9)
    source = prediction.mask_source
    assert isinstance(source, MaskProduct)
    assert torch.equal(source.features, convolution(maps))
    assert source.features is prediction.mask_source.features
    assert torch.equal(prediction.mask_logits, before)


@pytest.mark.parametrize("masks", [11, 12])
@torch.no_grad()
def test_as_many_masks_as_channels_are_read_from_the_features(masks, monkeypatch):
    maps, convolution, _ = inputs()
    made = []
    plain = torch.nn.functional.conv2d
    monkeypatch.setattr(
        "segkit.types.deferred.conv2d", lambda *given, **named: made.append(len(given[0])) or plain(*given, **named)
    )
    assert DeferredFeatures(maps, convolution).masks(0, torch.ones(masks, 12)).shape == (masks, 6, 9)
    assert made == [1 if masks < 12 else 2]  # of one image, or all mask features


def test_dense_masks_come_first():
    maps, convolution, embeddings = inputs()
    dense = torch.zeros(2, 10, 3, 4)
    prediction = Prediction(torch.zeros(2, 10, 4), embeddings, DeferredFeatures(maps, convolution), dense)
    assert prediction.mask_logits is prediction.mask_source is dense
    assert prediction.mask_size == (3, 4)


def test_weights_that_change_later_change_no_mask():
    maps, convolution, embeddings = inputs()
    with torch.no_grad():
        expected = torch.einsum("me,ehw->mhw", embeddings[0], convolution(maps)[0])
        features = DeferredFeatures(maps, convolution)
        convolution.weight.zero_()
    found = features.masks(0, embeddings[0])
    assert not found.requires_grad
    close(found, expected)


@pytest.mark.parametrize("masks", [0, 3, 7, 8, 12])
@pytest.mark.parametrize("bias", [True, False])
def test_masks_made_in_grad_mode_have_the_gradients_of_the_plain_features(bias, masks):
    maps, convolution, _ = inputs(bias=bias)
    embeddings = torch.randn(2, masks, 12, requires_grad=True)
    leaves = [maps.requires_grad_(), embeddings, *convolution.parameters()]
    plain = torch.einsum("bme,behw->bmhw", embeddings, convolution(maps))
    features = DeferredFeatures(maps, convolution)
    with torch.no_grad():
        features.computed()  # as a matcher reads them
    found = features.masks_of_batch(embeddings)
    torch.testing.assert_close(found, plain, atol=1e-5, rtol=1e-5)
    weights = torch.randn(plain.shape)
    gradients = [torch.autograd.grad((one * weights).sum(), leaves, retain_graph=True) for one in (found, plain)]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)
    of_features = torch.autograd.grad(features.computed().sum(), maps)
    torch.testing.assert_close(of_features, torch.autograd.grad(convolution(maps).sum(), maps))


def test_masks_can_be_read_outside_of_inference_mode():
    maps, convolution, embeddings = inputs()
    with torch.inference_mode():
        features = DeferredFeatures(maps.clone(), convolution)
        expected = features.masks(0, embeddings[0])
    assert torch.equal(features.masks(0, embeddings[0]), expected)
    assert features.computed().shape == (2, 12, 6, 9)


def test_masks_have_the_type_of_autocast_and_are_as_exact():
    maps, convolution, embeddings = inputs(size=(32, 32))
    with torch.no_grad():
        exact = torch.einsum("me,ehw->mhw", embeddings[0], convolution(maps)[0])
        with torch.autocast("cpu", torch.bfloat16):
            features, plain = DeferredFeatures(maps, convolution), convolution(maps)
    found = features.masks(0, embeddings[0].bfloat16())
    product = torch.einsum("me,ehw->mhw", embeddings[0].bfloat16(), plain[0])
    assert found.dtype == features.computed().dtype == product.dtype == torch.bfloat16
    assert torch.equal(features.computed(), plain)
    assert (found - exact).square().mean() <= (product - exact).square().mean()


def test_other_convolutions_are_refused():
    with pytest.raises(AssertionError, match="a map keeps its size"):
        DeferredFeatures(torch.zeros(1, 4, 8, 8), nn.Conv2d(4, 4, 3, stride=2))
    with pytest.raises(AssertionError, match="only plain convolutions are composed"):
        DeferredFeatures(torch.zeros(1, 4, 8, 8), nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"))
