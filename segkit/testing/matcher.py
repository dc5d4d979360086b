"""The contract of a matcher.

* Per decoder layer and image it returns (query_index, target_index), int64, on the CPU. No query and no segment appears
  twice. Every segment gets a query if there are enough.
* It takes images without a segment or without a valid pixel, more segments than queries, masks that overlap, masks
  that are products and masks that are not, bf16, and logits that are nan or infinite.
* In a clear case it finds the right pairs, and by valid pixels only.
* Two calls return the same. If it changes with the step (`on_step`), the steps before do not count.
"""

import warnings
from dataclasses import replace

import torch
from torch import Tensor

from segkit.criterion.match_checks import problem_of_matches
from segkit.errors import counted
from segkit.registries import Matcher
from segkit.testing._common import named, seeded, trying
from segkit.testing._modules import check_steps
from segkit.testing._predictions import random_prediction
from segkit.testing._samples import halves, no_segment, overlapping
from segkit.types import Match, Prediction, Target

SIZE = (32, 32)
MASK_SIZE = (8, 8)


@seeded()
def check_matcher(matcher: Matcher) -> None:
    """Checks a built matcher.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.build import build_part
        >>> from segkit.registries import MATCHERS
        >>> check_matcher(build_part(MATCHERS, {"type": "hungarian"}))
    """
    who = named("matcher", matcher)
    prediction = random_prediction(2, num_queries=6, num_classes=4, size=MASK_SIZE, layers=3)
    layers = prediction.layers
    targets = [halves(SIZE, (0, 3)), no_segment(SIZE)]
    check_steps(who, matcher, lambda: {"matches": _flat(matcher(layers, targets))})
    first = _matched(who, matcher, "on an image of two segments and one of none", layers, targets)
    again = _matched(who, matcher, "when it is called again", layers, targets)
    assert _pairs(first) == _pairs(again), (
        f"{who} returns different matches in two calls: {_pairs(first)} and {_pairs(again)}. Keep no state."
    )
    _matched(who, matcher, "on images without segments", layers, [no_segment(SIZE), no_segment(SIZE)])
    void = halves(SIZE, (0, 3), torch.zeros(SIZE, dtype=torch.bool))
    _matched(who, matcher, "on images without a valid pixel", layers, [void, void])
    _matched(who, matcher, "on segments that overlap", layers, [overlapping(SIZE, (1, 1)), halves(SIZE, (2, 0))])
    _matched(who, matcher, "on more segments than queries", [_few(layer) for layer in layers], targets)
    _matched(who, matcher, "on masks that are no products", [_dense(layer) for layer in layers], targets)
    _matched(who, matcher, "on bf16 logits", [_dense(layer, torch.bfloat16) for layer in layers], targets)
    # A training whose loss diverges must end with an error about the loss, not with one of the matcher.
    for value in (float("nan"), float("inf"), -float("inf")):
        _matched(who, matcher, f"on logits of {value}", [_wild(layer, value) for layer in layers], targets)
    _check_plain_case(who, matcher)
    _check_void(who, matcher)


def _matched(
    who: str, matcher: Matcher, situation: str, layers: list[Prediction], targets: list[Target]
) -> list[list[Match]]:
    with trying(who, situation), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the inputs are unusual on purpose
        matches = matcher(layers, targets)
    assert len(matches) == len(layers), (
        f"{who} returns matches of {len(matches)} layers instead of {len(layers)}, {situation}. Match every layer."
    )
    for layer, of_layer in zip(layers, matches, strict=True):
        problem = problem_of_matches(of_layer, targets, layer.num_queries, once=True)
        assert not problem, f"{who} {situation} gives {problem}."
        for (query, _), target in zip(of_layer, targets, strict=True):
            count = min(layer.num_queries, len(target))
            assert len(query) == count, (
                f"{who} {situation} gives {counted(query, 'pair')}. With {counted(layer.num_queries, 'query')} and "
                f"{counted(target, 'segment')}, the contract asks for {count}."
            )
    return matches


def _pairs(matches: list[list[Match]]) -> list[list[dict[int, int]]]:
    """Returns, per layer and image, a mapping from segment to query."""
    return [
        [dict(sorted(zip(segment.tolist(), query.tolist(), strict=True))) for query, segment in of_layer]
        for of_layer in matches
    ]


def _flat(matches: list[list[Match]]) -> Tensor:
    """Returns the indices of all matches, one after the other."""
    return torch.cat([index for of_layer in matches for match in of_layer for index in match])


def _few(layer: Prediction) -> Prediction:
    """Returns the layer with its first query only."""
    assert layer.mask_embeddings is not None
    return replace(layer, class_logits=layer.class_logits[:, :1], mask_embeddings=layer.mask_embeddings[:, :1])


def _dense(layer: Prediction, dtype: torch.dtype = torch.float32) -> Prediction:
    return Prediction(layer.class_logits.to(dtype), dense_mask_logits=layer.mask_logits.to(dtype))


def _wild(layer: Prediction, value: float) -> Prediction:
    """Returns the layer with all logits of its first query set to `value`."""
    wild = _dense(layer)
    masks, classes = wild.mask_logits.clone(), wild.class_logits.clone()
    masks[:, 0], classes[:, 0] = value, value
    return Prediction(classes, dense_mask_logits=masks)


def _check_plain_case(who: str, matcher: Matcher) -> None:
    """Query 3 has the mask and the class of segment 0, query 1 those of segment 1; the others have empty masks."""
    classes, masks = torch.zeros(1, 4, 5), torch.full((1, 4, *MASK_SIZE), -8.0)
    classes[..., 4] = 8
    classes[0, 3, 2], classes[0, 1, 0] = 16, 16
    masks[0, 3, :, :4], masks[0, 1, :, 4:] = 8, 8
    matches = _matched(
        who, matcher, "on plain masks", [Prediction(classes, dense_mask_logits=masks)], [halves(SIZE, (2, 0))]
    )
    found = _pairs(matches)[0][0]
    assert found == {0: 3, 1: 1}, (
        f"{who} matches segments to queries as {found}. Queries {{0: 3, 1: 1}} have exactly their masks and classes."
    )


def _check_void(who: str, matcher: Matcher) -> None:
    """Query 0 fits segment 0 and query 1 fits segment 1 at the valid pixels. At the void pixels, it is reversed."""
    masks = torch.full((1, 2, *MASK_SIZE), -8.0)
    masks[0, 0, :2, :4], masks[0, 1, :2, 4:] = 8, 8
    masks[0, 0, 2:, 4:], masks[0, 1, 2:, :4] = 8, 8
    valid = torch.zeros(SIZE, dtype=torch.bool)
    valid[: SIZE[0] // 4] = True
    # Both segments have one class and the queries know none, so only the masks can decide.
    prediction = Prediction(torch.zeros(1, 2, 5), dense_mask_logits=masks)
    found = _pairs(_matched(who, matcher, "on void", [prediction], [halves(SIZE, (2, 2), valid)]))[0][0]
    assert found == {0: 0, 1: 1}, (
        f"{who} matches segments to queries as {found}. At the valid pixels {{0: 0, 1: 1}} is right. Leave the "
        "others out of the costs."
    )
