"""What is measured of a case, and what is not where the outputs differ."""

import dataclasses
import json

import pytest
import torch
from benchmarking import comparing
from benchmarking.case import Case, Options, UnequalOutputs, Workload
from benchmarking.comparing import OperationCounter, as_json, compare, physical_cores

from tests.helpers.same_process import SameProcess

SETTING = Options(torch.device("cpu"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """No process for each side, no large matrix product."""
    monkeypatch.setattr(comparing, "FreshProcess", SameProcess)
    monkeypatch.setattr(comparing, "peak_rate", lambda device, dtype: 1e9)


def product(options):
    one = torch.ones(8, 8)
    return Workload("a product", lambda: one @ one, lambda: one @ one, lambda: None, images=4)


def unequal(options):
    def check():
        raise UnequalOutputs("answer: 1 is not 2")

    return Workload("a dispute", lambda: 1, lambda: 2, check)


def test_a_fair_case():
    outcome = compare(Case("product", product, goal=0.5), SETTING, threads=1, repeats=3)
    assert (outcome.name, outcome.work, outcome.goal, outcome.error) == ("product", "a product", 0.5, None)
    assert len(outcome.times.ours) == len(outcome.times.theirs) == 3
    assert (outcome.images, outcome.operations, outcome.peak_rate) == (4, 2 * 8**3, 1e9)
    stored = json.loads(json.dumps(as_json(outcome)))
    assert stored["ratio"] == outcome.times.ratio
    assert stored["spread"] == list(outcome.times.spread)


def test_unequal_outputs_are_not_measured():
    outcome = compare(Case("dispute", unequal), SETTING, threads=1, repeats=3)
    assert outcome.error == "answer: 1 is not 2"
    assert outcome.times is None
    assert as_json(outcome)["seconds"] is None


def test_unknown_memory_has_no_ratio():
    outcome = compare(Case("dispute", unequal), SETTING, threads=1, repeats=1)
    assert outcome.memory_ratio is None
    assert dataclasses.replace(outcome, our_memory=0, their_memory=0).memory_ratio is None
    assert dataclasses.replace(outcome, our_memory=1, their_memory=4).memory_ratio == 0.25


def test_there_is_a_core():
    assert physical_cores() >= 1


def test_sides_are_scaled_to_what_models_take():
    assert SETTING.side(500) == 512
    assert Options(torch.device("cpu"), 0.25).side(640) == 160
    assert Options(torch.device("cpu"), 0.001).side(640) == 32


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_operations_are_counted_whatever_the_mode(mode):
    layer = torch.nn.Linear(8, 4)
    attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    rows = torch.ones(1, 5, 8)
    with mode(), OperationCounter() as counter:
        layer(rows)
        attention(rows, rows, rows, need_weights=False)
    # One of 8 to 4, four of 8 to 8; two products of 5 rows with 5 rows of width 4, for each of two heads.
    assert counter.total == 2 * (5 * 8 * 4 + 4 * 5 * 8 * 8 + 2 * 2 * 5 * 5 * 4)


def test_operations_of_a_compiled_function_are_counted():
    one = torch.ones(8, 8)
    compiled = torch.compile(lambda: one @ one, backend="eager", fullgraph=True)
    workload = Workload("a compiled product", compiled, compiled, lambda: None, images=1)
    assert comparing.count_operations(workload) == 2 * 8**3
