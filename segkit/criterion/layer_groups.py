"""Decoder layers that are computed together: those with equally many queries and the same kind of matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from segkit.criterion.match_checks import require_matches
from segkit.criterion.matched_pairs import MatchedPairs
from segkit.errors import RegistryError, counted
from segkit.registries.matchers import Matcher
from segkit.types import Match, Prediction, Target

T = TypeVar("T")


@dataclass(frozen=True)
class LayerGroup:
    """Layers with equally many queries, matched at once. Where all layers share their queries, there is one group."""

    places: list[int]
    """The index of each among all layers."""
    layers: list[Prediction]
    pairs: MatchedPairs
    fraction: float
    """What a pair counts for: 1, or less where queries come with more matches than there are segments, so that such a
    layer counts as much as any other."""

    @property
    def num_queries(self) -> int:
        return self.layers[0].num_queries

    @property
    def brings_matches(self) -> bool:
        """Whether the layers have matches of their own."""
        return self.layers[0].matches is not None


def group_layers(layers: Sequence[Prediction], targets: list[Target], matcher: Matcher) -> list[LayerGroup]:
    """Groups layers and matches their queries with segments.

    Args:
        layers: Of all decoder layers.
        targets: Of the B images.
        matcher: Matches the layers that bring no matches.

    Raises:
        RegistryError: matches of a layer or of the matcher break their contract.
    """
    by_kind: dict[tuple[int, int | None], list[int]] = {}
    for place, layer in enumerate(layers):
        by_kind.setdefault((layer.num_queries, _number_of_matches(layer, place, targets)), []).append(place)
    return [
        _matched([layers[place] for place in places], places, number, targets, matcher)
        for (_, number), places in by_kind.items()
    ]


def _number_of_matches(layer: Prediction, place: int, targets: list[Target]) -> int | None:
    if layer.matches is None:
        return None
    source = f"the prediction of layer {place}"
    require_matches(source, "check_transformer_decoder", layer.matches, targets, layer.num_queries, once=False)
    return sum(len(query) for query, _ in layer.matches)


def _matched(
    layers: list[Prediction], places: list[int], number: int | None, targets: list[Target], matcher: Matcher
) -> LayerGroup:
    """Makes a group of layers; `number` is that of the matches which each of them brings."""
    own = [layer.matches for layer in layers if layer.matches is not None]
    matches = own or _matches_of(matcher, layers, targets)
    # Matching is constant for the gradient, as is usual: gradients flow through the losses only.
    pairs = MatchedPairs.collect(matches, targets, layers[0].class_logits.device)
    fraction = sum(len(target) for target in targets) / number if number else 1.0
    return LayerGroup(places, layers, pairs, fraction)


def _matches_of(matcher: Matcher, layers: list[Prediction], targets: list[Target]) -> list[list[Match]]:
    matches = matcher(layers, targets)
    source = f"matcher {type(matcher).__name__}"
    if not isinstance(matches, Sequence) or len(matches) != len(layers):
        number = counted(matches, "layer") if isinstance(matches, Sequence) else f"type {type(matches).__name__}"
        raise RegistryError(
            f"{source} gives matches of {number}, not of {counted(layers, 'layer')}. Check it with "
            "segkit.testing.check_matcher."
        )
    for of_layer in matches:
        require_matches(source, "check_matcher", of_layer, targets, layers[0].num_queries, once=True)
    return matches


def in_order(groups: Sequence[LayerGroup], values: Sequence[Sequence[T]]) -> list[T]:
    """Returns the values of all layers in their order, from those of each group."""
    places = [place for group in groups for place in group.places]
    by_place = dict(zip(places, (value for of_group in values for value in of_group), strict=True))
    return [by_place[place] for place in range(len(places))]
