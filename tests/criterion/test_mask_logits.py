"""Masks of matched queries and of all queries, however a decoder makes them."""

import pytest
import torch

from segkit.criterion.mask_logits import matched_mask_logits, pixel_reader
from segkit.ops.points import sample_channels
from segkit.types import Prediction

B, Q, E, H, W = 2, 5, 4, 6, 8


def make_layers(kind):
    torch.manual_seed(0)
    shared = torch.randn(B, E, H, W, requires_grad=True)
    layers = []
    for index in range(3):
        if kind == "dense" or (kind == "mixed" and index == 1):
            layers.append(Prediction(torch.randn(B, Q, 3), dense_mask_logits=torch.randn(B, Q, H, W)))
        else:
            features = shared if kind != "apart" else torch.randn(B, E, H, W)
            layers.append(
                Prediction(torch.randn(B, Q, 3), mask_embeddings=torch.randn(B, Q, E), mask_features=features)
            )
    return layers


@pytest.mark.parametrize("kind", ["shared", "apart", "dense", "mixed"])
def test_matched_masks(kind):
    layers = make_layers(kind)
    index = torch.tensor
    queries = [[index([1, 4]), index([0])], [index([2]), index([], dtype=torch.int64)], [index([0, 1, 2]), index([3])]]
    matches = [[(query, torch.arange(len(query))) for query in of_layer] for of_layer in queries]
    for image, logits in enumerate(matched_mask_logits(layers, matches)):
        expected = [layer.mask_logits[image, of_layer[image]] for layer, of_layer in zip(layers, queries, strict=True)]
        torch.testing.assert_close(logits, torch.cat(expected))


@pytest.mark.parametrize("kind", ["shared", "apart", "dense", "mixed"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_all_masks_a_few_pixels_at_a_time(kind, dtype):
    layers = make_layers(kind)
    for layer in layers:
        for name in ("mask_embeddings", "mask_features", "dense_mask_logits"):
            tensor = getattr(layer, name)
            setattr(layer, name, None if tensor is None else tensor.detach().to(dtype))
    if kind == "shared":
        layers[1].mask_features = layers[2].mask_features = layers[0].mask_features
    points = torch.rand(20, 2)
    for image in range(B):
        maps = torch.cat([layer.mask_logits[image] for layer in layers]).float()
        read = pixel_reader(layers, image)
        pieces = torch.cat([read(start, start + 10) for start in range(0, H * W, 10)], dim=1)
        assert pieces.dtype == torch.float32
        tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.05, "atol": 0.05}
        torch.testing.assert_close(pieces, maps.flatten(1), **tolerance)
        torch.testing.assert_close(
            pixel_reader(layers, image, points)(0, 20), sample_channels(maps, points), **tolerance
        )


def test_the_gradient_of_shared_features_is_whole():
    layers = make_layers("shared")
    matches = [[(torch.tensor([0, 2]), torch.tensor([0, 1]))] * B for _ in layers]
    logits = matched_mask_logits(layers, matches)
    weights = [torch.randn_like(of_image) for of_image in logits]
    (gradient,) = torch.autograd.grad(
        sum((w * of_image).sum() for w, of_image in zip(weights, logits, strict=True)), layers[0].mask_features
    )
    plain = sum(
        (weights[image][2 * number + place] * layer.mask_logits[image, query]).sum()
        for number, layer in enumerate(layers)
        for image in range(B)
        for place, query in enumerate((0, 2))
    )
    (expected,) = torch.autograd.grad(plain, layers[0].mask_features)
    torch.testing.assert_close(gradient, expected)
