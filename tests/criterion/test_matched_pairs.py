"""Matched pairs as flat arrays, and the masks of matched queries."""

import pytest
import torch

from segkit.criterion.matched_pairs import MatchedPairs, matched_mask_logits
from segkit.types import Target
from tests.helpers.criterion_cases import mask_layers, no_segments

CPU = torch.device("cpu")


def target(*labels):
    return Target(torch.tensor(labels), torch.zeros(4, 4, dtype=torch.int16))


def index(*values):
    return torch.tensor(values, dtype=torch.int64)


TARGETS = [target(7, 5), no_segments((4, 4)), target(3)]
MATCHES = [
    [(index(1, 4), index(1, 0)), (index(), index()), (index(2), index(0))],
    [(index(0, 2), index(0, 1)), (index(), index()), (index(), index())],
]
"""Two layers, three images."""


def test_pairs_are_ordered_by_image_and_layer():
    pairs = MatchedPairs.collect(MATCHES, TARGETS, CPU)
    assert pairs.segments.image.tolist() == [0, 0, 0, 0, 2]
    assert pairs.layer.tolist() == [0, 0, 1, 1, 0]
    assert pairs.query.tolist() == [1, 4, 0, 2, 2]
    assert pairs.segments.index.tolist() == [1, 0, 0, 1, 0]
    assert pairs.segments.segment.tolist() == [1, 0, 0, 1, 2]
    assert pairs.counts == [[2, 2], [0, 0], [1, 0]]
    assert pairs.rank.tolist() == [0, 1, 2, 3, 0]
    assert pairs.segments.images.tolist() == [0, 0, 0, 0, 2]


def test_matches_come_back_as_they_were_given():
    again = MatchedPairs.collect(MATCHES, TARGETS, CPU).matches()
    for layer, expected in zip(again, MATCHES, strict=True):
        for pair, expected_pair in zip(layer, expected, strict=True):
            assert [part.tolist() for part in pair] == [part.tolist() for part in expected_pair]


def test_the_class_of_each_query_is_that_of_its_segment_or_no_object():
    class_index = MatchedPairs.collect(MATCHES, TARGETS, CPU).class_index(TARGETS, num_queries=5, no_object=9)
    assert class_index.tolist() == [
        [[9, 5, 9, 9, 7], [9, 9, 9, 9, 9], [9, 9, 3, 9, 9]],
        [[7, 9, 5, 9, 9], [9, 9, 9, 9, 9], [9, 9, 9, 9, 9]],
    ]


@pytest.mark.parametrize("kind", ["shared", "apart", "dense", "mixed"])
def test_masks_of_matched_queries(kind):
    layers = mask_layers(kind)
    queries = [[index(1, 4), index(0)], [index(2), index()], [index(0, 1, 2), index(3)]]
    matches = [[(query, torch.arange(len(query))) for query in layer] for layer in queries]
    pairs = MatchedPairs.collect(matches, [target(0, 0, 0), target(0)], CPU)
    maps, map_of = matched_mask_logits(layers, pairs)
    for image in range(2):
        expected = [layer.mask_logits[image, of_layer[image]] for layer, of_layer in zip(layers, queries, strict=True)]
        torch.testing.assert_close(maps[map_of[pairs.segments.image == image]], torch.cat(expected))


def test_the_gradient_of_shared_features_sums_over_layers_and_queries():
    layers = mask_layers("shared")
    matches = [[(index(0, 2), index(0, 1))] * 2 for _ in layers]
    maps, map_of = matched_mask_logits(layers, MatchedPairs.collect(matches, [target(0, 0)] * 2, CPU))
    weights = torch.randn_like(maps)
    (gradient,) = torch.autograd.grad((weights * maps).sum(), layers[0].mask_features)
    weights = weights[map_of].view(2, 6, *maps.shape[1:])  # image, layer and query
    plain = sum(
        (weights[image][2 * number + place] * layer.mask_logits[image, query]).sum()
        for number, layer in enumerate(layers)
        for image in range(2)
        for place, query in enumerate((0, 2))
    )
    (expected,) = torch.autograd.grad(plain, layers[0].mask_features)
    torch.testing.assert_close(gradient, expected)


def test_the_gradient_of_features_stored_channels_last_is_so_too():
    """Otherwise the backward pass would rearrange it."""
    layers = mask_layers("shared")
    features = layers[0].mask_features.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    for layer in layers:
        layer.mask_features = features
    matches = [[(index(0, 2), index(0, 1))] * 2 for _ in layers]
    maps, _ = matched_mask_logits(layers, MatchedPairs.collect(matches, [target(0, 0)] * 2, CPU))
    (gradient,) = torch.autograd.grad(maps.sum(), features)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
