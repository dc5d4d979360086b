"""Matches that break the contract are refused in training, of a matcher and of a decoder alike."""

from dataclasses import replace

import pytest
import torch

from segkit.criterion import Criterion, WeightedLoss
from segkit.errors import RegistryError
from segkit.losses.dice import Dice
from segkit.types import Prediction
from tests.helpers.tiny import empty_target, halves_target

TARGETS = [halves_target((8, 8)), empty_target((8, 8))]
NONE = (torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))


def index(*values):
    return torch.tensor(values, dtype=torch.int64)


WRONG = [
    ([(index(0, 5), index(0, 1)), NONE], "image 0 of the batch query 5, but there are only 5 queries, counted from 0"),
    ([(index(-1, 2), index(0, 1)), NONE], "image 0 of the batch query -1, but there are only 5 queries, counted from"),
    (
        [(index(0, 1), index(0, 2)), NONE],
        "image 0 of the batch segment 2, but there are only 2 segments, counted from",
    ),
    ([(index(0, 1), index(0, 1)), (index(0), index(0))], "image 1 of the batch segment 0, but there are only 0 segm"),
    ([(index(1, 1), index(0, 1)), NONE], "image 0 of the batch query 1 twice, but a query has one segment"),
    ([(index(0, 1), index(0)), NONE], "image 0 of the batch 2 queries and 1 segment, which must be as many"),
    ([(index(0, 1), index(0, 1))], "matches of 1 image, of which there are 2"),
    (
        [([0, 1], index(0, 1)), NONE],
        r"image 0 of the batch query_index of type list, which must be \(M,\) of int64 on the CPU",
    ),
    (
        [(index(0, 1), index(0, 1).int()), NONE],
        r"image 0 of the batch target_index \(2,\) of int32 on cpu, which must be",
    ),
    (
        [(index(0, 1), index(0, 1)[None]), NONE],
        r"image 0 of the batch target_index \(1, 2\) of int64 on cpu, which must",
    ),
    ([(index(0, 1).to("meta"), index(0, 1)), NONE], r"image 0 of the batch query_index \(2,\) of int64 on meta, which"),
    (
        [(index(0), index(0), index(0)), NONE],
        r"image 0 of the batch tuple, which is no pair \(query_index, target_index",
    ),
    ([(index(0, 1), index(0, 1)), None], r"image 1 of the batch NoneType, which is no pair \(query_index, target_ind"),
    ({}, "matches that are dict, not a list of one pair per image"),
]


def make_prediction():
    return Prediction(torch.zeros(2, 5, 3), dense_mask_logits=torch.zeros(2, 5, 4, 4))


def make_criterion(matcher):
    return Criterion([WeightedLoss("dice", Dice(), 1.0)], matcher, deep_supervision=True, ignore_void=True)


@pytest.mark.parametrize(("matches", "problem"), WRONG)
def test_wrong_matches_of_a_matcher_are_refused(matches, problem):
    class Wrong:
        def __call__(self, layers, targets):
            return [matches for _ in layers]

    message = rf"^matcher Wrong gives.* {problem}.*\. Check it with segkit\.testing\.check_matcher\.$"
    with pytest.raises(RegistryError, match=message):
        make_criterion(Wrong())(make_prediction(), TARGETS)


@pytest.mark.parametrize(("matches", "problem"), WRONG)
def test_wrong_matches_of_a_prediction_are_refused(matches, problem):
    prediction = replace(make_prediction(), auxiliary=[replace(make_prediction(), matches=matches)])
    message = (
        rf"^the prediction of layer 0 gives.* {problem}.*\. Check it with segkit\.testing\.check_transformer_decoder\.$"
    )
    with pytest.raises(RegistryError, match=message):
        make_criterion(lambda layers, targets: [[(index(0, 1), index(0, 1)), NONE]])(prediction, TARGETS)


def test_a_matcher_matches_every_layer():
    prediction = replace(make_prediction(), auxiliary=[make_prediction()])
    with pytest.raises(RegistryError, match=r"^matcher function gives matches of 1 layer, not of 2 layers\. Check it"):
        make_criterion(lambda layers, targets: [[NONE, NONE]])(prediction, TARGETS)


def test_a_matcher_returns_a_list():
    with pytest.raises(
        RegistryError, match=r"^matcher function gives matches of type NoneType, not of 1 layer\. Check"
    ):
        make_criterion(lambda layers, targets: None)(make_prediction(), TARGETS)


def test_a_segment_has_one_query_of_a_matcher_and_several_of_a_decoder():
    matches = [(index(0, 1), index(1, 1)), NONE]
    problem = r"image 0 of the batch segment 1 twice, but a matcher gives a segment one query\. Check it with"
    with pytest.raises(RegistryError, match=f"^matcher function gives for {problem}"):
        make_criterion(lambda layers, targets: [matches])(make_prediction(), TARGETS)
    prediction = replace(make_prediction(), auxiliary=[replace(make_prediction(), matches=matches)])
    make_criterion(lambda layers, targets: [[(index(0, 1), index(0, 1)), NONE]])(prediction, TARGETS)
