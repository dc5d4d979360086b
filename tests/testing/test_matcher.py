"""Complaints about matchers."""

from dataclasses import replace

import torch

from segkit.matchers.hungarian import HungarianMatcher
from segkit.testing import check_matcher
from tests.helpers.contract_errors import complaint, each_of

HUNGARIAN = HungarianMatcher()


def in_order(layers, targets):
    """The first queries to the segments as they come."""
    return [[_first(layer.num_queries, len(target)) for target in targets] for layer in layers]


def _first(num_queries, num_segments):
    count = min(num_queries, num_segments)
    return torch.arange(count), torch.arange(count)


class Alternating:
    """Turns the order round at every other call."""

    calls = 0

    def __call__(self, layers, targets):
        self.calls += 1
        if self.calls % 2:
            return in_order(layers, targets)
        return [[(query, segment.flip(0)) for query, segment in of_layer] for of_layer in in_order(layers, targets)]


def last_layer_only(layers, targets):
    return HUNGARIAN(layers, targets)[-1:]


def without_the_empty(layers, targets):
    return [[match for match in of_layer if len(match[0])] for of_layer in HUNGARIAN(layers, targets)]


def changed(change):
    """The matcher that makes `change(query, segment)` of a right match."""

    def matcher(layers, targets):
        return [[change(query, segment) for query, segment in of_layer] for of_layer in in_order(layers, targets)]

    matcher.__name__ = change.__name__
    return matcher


def short(query, segment):
    return query.to(torch.int32), segment


def elsewhere(query, segment):
    return query, segment.to("meta")


def rows(query, segment):
    return query, segment[:, None]


def lists(query, segment):
    return query.tolist(), segment


def unpaired(query, segment):
    return query, segment[:1]


def sparse(query, segment):
    return query[:1], segment[:1]


def same_query(query, segment):
    return torch.zeros_like(query), segment


def same_segment(query, segment):
    return query, torch.zeros_like(segment)


def beyond(query, segment):
    return query, segment + 1


def needs_segments(layers, targets):
    if not any(len(target) for target in targets):
        raise ValueError("nothing to match")
    return HUNGARIAN(layers, targets)


def strict(layers, targets):
    if not all(layer.mask_logits.isfinite().all() for layer in layers):
        raise ValueError("a matrix of numbers is needed")
    return HUNGARIAN(layers, targets)


def all_pixels(layers, targets):
    return HUNGARIAN(layers, [replace(target, valid=None) for target in targets])


TWO = "on an image of two segments and one of none"
COMPLAINTS = [
    (
        Alternating(),
        "matcher Alternating gives two answers to two calls: [[{0: 0, 1: 1}, {}], [{0: 0, 1: 1}, {}], [{0: 0, 1: 1}, "
        "{}]] and [[{0: 1, 1: 0}, {}], [{0: 1, 1: 0}, {}], [{0: 1, 1: 0}, {}]]",
    ),
    (last_layer_only, f"matcher last_layer_only answers for 1 of 3 layers {TWO}"),
    (without_the_empty, f"matcher without_the_empty answers for 1 of 2 images {TWO}"),
    (
        changed(short),
        f"matcher short gives {TWO} query_index (2,) of int32, where (M,) of int64 is promised, on the CPU",
    ),
    (
        changed(elsewhere),
        f"matcher elsewhere gives {TWO} target_index (2,) of int64, where (M,) of int64 is promised, on the CPU",
    ),
    (
        changed(rows),
        f"matcher rows gives {TWO} target_index (2, 1) of int64, where (M,) of int64 is promised, on the CPU",
    ),
    (
        changed(lists),
        f"matcher lists gives {TWO} query_index = [0, 1], where (M,) of int64 is promised, on the CPU",
    ),
    (
        changed(unpaired),
        f"matcher unpaired gives {TWO} 2 queries for 1 segments, where 2 pairs are promised: 6 queries, 2 segments",
    ),
    (
        changed(sparse),
        f"matcher sparse gives {TWO} 1 queries for 1 segments, where 2 pairs are promised: 6 queries, 2 segments",
    ),
    (changed(same_query), f"matcher same_query gives {TWO} the queries [0, 0], where none is promised to come twice"),
    (
        changed(same_segment),
        f"matcher same_segment gives {TWO} the segments [0, 0], where none is promised to come twice",
    ),
    (changed(beyond), f"matcher beyond gives {TWO} the segments [1, 2], where there are 0..1"),
    (needs_segments, "matcher needs_segments fails on images without segments: ValueError: nothing to match"),
    (strict, "matcher strict fails on logits of nan: ValueError: a matrix of numbers is needed"),
    (
        in_order,
        "matcher in_order matches segment -> query as {0: 0, 1: 1}, where {0: 3, 1: 1} draw and name the segments "
        "exactly",
    ),
    (
        all_pixels,
        "matcher all_pixels matches segment -> query as {0: 1, 1: 0}, where the pixels that are valid say {0: 0, 1: 1}"
        ": the others do not count",
    ),
]


@each_of(COMPLAINTS)
def test_complaint(part, message):
    assert complaint(check_matcher, part) == message


def test_a_good_one_passes():
    check_matcher(HungarianMatcher())
