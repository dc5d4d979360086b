"""Error messages about matchers."""

from dataclasses import replace

import torch

from segkit.matchers.hungarian import HungarianMatcher
from segkit.testing import check_matcher
from tests.helpers.contract_errors import each_of, error_message

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
MESSAGES = [
    (
        Alternating(),
        "matcher Alternating returns different matches in two calls: [[{0: 0, 1: 1}, {}], [{0: 0, 1: 1}, {}], [{0: "
        "0, 1: 1}, {}]] and [[{0: 1, 1: 0}, {}], [{0: 1, 1: 0}, {}], [{0: 1, 1: 0}, {}]]. Keep no state.",
    ),
    (last_layer_only, (f"matcher last_layer_only returns matches of 1 layers instead of 3, {TWO}. Match every layer.")),
    (without_the_empty, f"matcher without_the_empty {TWO} gives matches of 1 image, of which there are 2."),
    (
        changed(short),
        f"matcher short {TWO} gives for image 0 of the batch "
        "query_index (2,) of int32 on cpu, which must be (M,) of int64 on "
        "the CPU.",
    ),
    (
        changed(elsewhere),
        f"matcher elsewhere {TWO} gives for image 0 of the batch "
        "target_index (2,) of int64 on meta, which must be (M,) of "
        "int64 on the CPU.",
    ),
    (
        changed(rows),
        f"matcher rows {TWO} gives for image 0 of the batch "
        "target_index (2, 1) of int64 on cpu, which must be (M,) of int64 "
        "on the CPU.",
    ),
    (
        changed(lists),
        f"matcher lists {TWO} gives for image 0 of the batch "
        "query_index of type list, which must be (M,) of int64 on the CPU.",
    ),
    (
        changed(unpaired),
        f"matcher unpaired {TWO} gives for image 0 of the batch 2 queries and 1 segment, which must be as many.",
    ),
    (
        changed(sparse),
        f"matcher sparse {TWO} gives 1 pair. With 6 queries and 2 segments, the contract asks for 2.",
    ),
    (
        changed(same_query),
        f"matcher same_query {TWO} gives for image 0 of the batch query 0 twice, but a query has one segment.",
    ),
    (
        changed(same_segment),
        f"matcher same_segment {TWO} gives for image 0 of the batch "
        "segment 0 twice, but a matcher gives a segment one query.",
    ),
    (
        changed(beyond),
        f"matcher beyond {TWO} gives for image 0 of the batch "
        "segment 2, but there are only 2 segments, counted from 0.",
    ),
    (needs_segments, "matcher needs_segments fails on images without segments: ValueError: nothing to match"),
    (strict, "matcher strict fails on logits of nan: ValueError: a matrix of numbers is needed"),
    (
        in_order,
        "matcher in_order matches segments to queries as {0: 0, 1: 1}. Queries {0: 3, 1: 1} have exactly their masks "
        "and classes.",
    ),
    (
        all_pixels,
        "matcher all_pixels matches segments to queries as {0: 1, 1: 0}. At the valid pixels {0: 0, 1: 1} is right. "
        "Leave the others out of the costs.",
    ),
]


@each_of(MESSAGES)
def test_error_message(part, message):
    assert error_message(check_matcher, part) == message


def test_a_good_one_passes():
    check_matcher(HungarianMatcher())
