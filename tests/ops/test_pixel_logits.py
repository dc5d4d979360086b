"""Mask logits of all queries, read a few pixels at a time, for every way in which a decoder represents masks."""

import pytest
import torch

from segkit.ops.pixel_logits import logits_reader, shared_product
from segkit.ops.points import sample_channels
from tests.helpers.criterion_cases import mask_layers


@pytest.mark.parametrize("kind", ["shared", "apart", "dense", "mixed"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_chunks_and_points_equal_the_whole_masks(kind, dtype):
    layers = mask_layers(kind)
    for layer in layers:
        for name in ("mask_embeddings", "mask_features", "dense_mask_logits"):
            tensor = getattr(layer, name)
            setattr(layer, name, None if tensor is None else tensor.detach().to(dtype))
    if kind == "shared":
        layers[1].mask_features = layers[2].mask_features = layers[0].mask_features
    points = torch.rand(2, 20, 2)
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.05, "atol": 0.05}
    maps = torch.cat([layer.mask_logits for layer in layers], dim=1).float()
    read, read_points = logits_reader(layers), logits_reader(layers, points)
    for images in (slice(0, 1), slice(1, 2), slice(0, 2)):
        pixels = torch.cat([read(images, start, start + 10) for start in range(0, 48, 10)], dim=2)
        assert pixels.dtype == torch.float32
        torch.testing.assert_close(pixels, maps[images].flatten(2), **tolerance)
        sampled = read_points(images, 0, 20)
        torch.testing.assert_close(sampled, sample_channels(maps, points)[images], **tolerance)


def test_layers_are_one_product_only_where_all_share_their_features():
    layers = mask_layers("shared")
    embeddings, features = shared_product(layers)
    assert features is layers[0].mask_features
    assert all(one is layer.mask_embeddings for one, layer in zip(embeddings, layers, strict=True))
    assert [shared_product(mask_layers(kind)) for kind in ("apart", "dense", "mixed")] == [None] * 3
