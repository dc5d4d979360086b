"""A matcher.

* Per decoder layer and image it gives (query_index, target_index), int64 and on the CPU. No query and no segment comes
  twice; every segment gets a query, there being enough.
* It takes images without a segment or without a valid pixel, more segments than queries, masks that overlap, masks
  that are products and masks that are not, bf16, and logits that are not finite.
* It finds the pairing that is plainly right, and finds it by the pixels that count: those that a target says are not
  valid do not.
* Two calls give the same.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from segkit.testing._common import described, named, seeded, trying
from segkit.testing._predictions import random_prediction
from segkit.testing._samples import halves, no_segment, overlapping
from segkit.types import Match, Prediction, Target

SIZE = (32, 32)
MASK_SIZE = (8, 8)
Matcher = Callable[[list[Prediction], list[Target]], list[list[Match]]]


@seeded()
def check_matcher(matcher: Matcher) -> None:
    """Raises AssertionError, saying in words what the built part does wrong."""
    who = named("matcher", matcher)
    prediction = random_prediction(2, num_queries=6, num_classes=4, size=MASK_SIZE, layers=3)
    layers = prediction.layers
    targets = [halves(SIZE, (0, 3)), no_segment(SIZE)]
    first = _matched(who, matcher, "on an image of two segments and one of none", layers, targets)
    again = _matched(who, matcher, "when it is called again", layers, targets)
    assert _pairs(first) == _pairs(again), f"{who} gives two answers to two calls: {_pairs(first)} and {_pairs(again)}"
    _matched(who, matcher, "on images without segments", layers, [no_segment(SIZE), no_segment(SIZE)])
    void = halves(SIZE, (0, 3), torch.zeros(SIZE, dtype=torch.bool))
    _matched(who, matcher, "on images without a valid pixel", layers, [void, void])
    _matched(who, matcher, "on segments that overlap", layers, [overlapping(SIZE, (1, 1)), halves(SIZE, (2, 0))])
    _matched(who, matcher, "on more segments than queries", [_few(layer) for layer in layers], targets)
    _matched(who, matcher, "on masks that are no products", [_dense(layer) for layer in layers], targets)
    _matched(who, matcher, "on bf16 logits", [_dense(layer, torch.bfloat16) for layer in layers], targets)
    for value in (float("nan"), float("inf"), -float("inf")):
        _matched(who, matcher, f"on logits of {value}", [_wild(layer, value) for layer in layers], targets)
    _check_plain_case(who, matcher)
    _check_void(who, matcher)


def _matched(
    who: str, matcher: Matcher, situation: str, layers: list[Prediction], targets: list[Target]
) -> list[list[Match]]:
    with trying(who, situation), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that something is unusual here is no news
        matches = matcher(layers, targets)
    assert len(matches) == len(layers), f"{who} answers for {len(matches)} of {len(layers)} layers {situation}"
    for layer, of_layer in zip(layers, matches, strict=True):
        assert len(of_layer) == len(targets), f"{who} answers for {len(of_layer)} of {len(targets)} images {situation}"
        for (query, segment), target in zip(of_layer, targets, strict=True):
            _check_match(f"{who} gives {situation}", query, segment, layer.num_queries, len(target))
    return matches


def _check_match(gives: str, query: Tensor, segment: Tensor, num_queries: int, num_segments: int) -> None:
    for name, index in (("query_index", query), ("target_index", segment)):
        good = isinstance(index, Tensor) and index.dtype == torch.int64 and index.device.type == "cpu"
        good = good and index.dim() == 1
        assert good, f"{gives} {name} {described(index)}, where (M,) of int64 is promised, on the CPU"
    queries, segments = query.tolist(), segment.tolist()
    count = min(num_queries, num_segments)
    assert len(queries) == len(segments) == count, (
        f"{gives} {len(queries)} queries for {len(segments)} segments, where {count} pairs are promised: "
        f"{num_queries} queries, {num_segments} segments"
    )
    for words, found, limit in (("queries", queries, num_queries), ("segments", segments, num_segments)):
        assert len(set(found)) == count, f"{gives} the {words} {found}, where none is promised to come twice"
        assert set(found) <= set(range(limit)), f"{gives} the {words} {found}, where there are 0..{limit - 1}"


def _pairs(matches: list[list[Match]]) -> list[list[dict[int, int]]]:
    """Per layer and image: segment -> query."""
    return [
        [dict(sorted(zip(segment.tolist(), query.tolist(), strict=True))) for query, segment in of_layer]
        for of_layer in matches
    ]


def _few(layer: Prediction) -> Prediction:
    """Its first query alone."""
    assert layer.mask_embeddings is not None
    return replace(layer, class_logits=layer.class_logits[:, :1], mask_embeddings=layer.mask_embeddings[:, :1])


def _dense(layer: Prediction, dtype: torch.dtype = torch.float32) -> Prediction:
    return Prediction(layer.class_logits.to(dtype), dense_mask_logits=layer.mask_logits.to(dtype))


def _wild(layer: Prediction, value: float) -> Prediction:
    """Its first query's logits are all `value`."""
    wild = _dense(layer)
    masks, classes = wild.mask_logits.clone(), wild.class_logits.clone()
    masks[:, 0], classes[:, 0] = value, value
    return Prediction(classes, dense_mask_logits=masks)


def _check_plain_case(who: str, matcher: Matcher) -> None:
    """Query 3 draws segment 0 and names its class, query 1 does so with segment 1, the others draw nothing."""
    classes, masks = torch.zeros(1, 4, 5), torch.full((1, 4, *MASK_SIZE), -8.0)
    classes[..., 4] = 8
    classes[0, 3, 2], classes[0, 1, 0] = 16, 16
    masks[0, 3, :, :4], masks[0, 1, :, 4:] = 8, 8
    matches = _matched(
        who, matcher, "on plain masks", [Prediction(classes, dense_mask_logits=masks)], [halves(SIZE, (2, 0))]
    )
    found = _pairs(matches)[0][0]
    assert found == {0: 3, 1: 1}, (
        f"{who} matches segment -> query as {found}, where {{0: 3, 1: 1}} draw and name the segments exactly"
    )


def _check_void(who: str, matcher: Matcher) -> None:
    """In the quarter that is valid query 0 draws segment 0 and query 1 segment 1; in the rest it is the other way."""
    masks = torch.full((1, 2, *MASK_SIZE), -8.0)
    masks[0, 0, :2, :4], masks[0, 1, :2, 4:] = 8, 8
    masks[0, 0, 2:, 4:], masks[0, 1, 2:, :4] = 8, 8
    valid = torch.zeros(SIZE, dtype=torch.bool)
    valid[: SIZE[0] // 4] = True
    prediction = Prediction(torch.zeros(1, 2, 5), dense_mask_logits=masks)
    found = _pairs(_matched(who, matcher, "on void", [prediction], [halves(SIZE, (2, 2), valid)]))[0][0]
    assert found == {0: 0, 1: 1}, (
        f"{who} matches segment -> query as {found}, where the pixels that are valid say {{0: 0, 1: 1}}: the others do "
        "not count"
    )
