"""Overrides that contradict each other are refused."""

import pytest

from segkit.config.overrides import parse_overrides
from segkit.errors import ConfigError


def problems_of(overrides):
    try:
        parse_overrides(overrides)
    except ConfigError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["training.steps=1", "training.steps=2"], "training.steps: is given twice, as 1 and as 2. Give it once."),
        (["training={steps: 1}", "training.steps=2"], "training.steps: is given twice, as 1 and as 2. Give it once."),
        (["training.seed=1", "training.seed=true"], "training.seed: is given twice, as 1 and as true. Give it once."),
        (
            ["data.val=null", "data.val.limit=2"],
            "data.val.limit: is given a value, and data.val, which would hold it, null. Give it once.",
        ),
        (
            ["data.val.limit=2", "data.val=null"],
            "data.val.limit: is given a value, and data.val, which would hold it, null. Give it once.",
        ),
        (
            ["evaluators=[{type: mean_iou}]", "evaluators=[]"],
            "evaluators: is given twice, as [{type: mean_iou}] and as []. Give it once.",
        ),
    ],
)
def test_two_values(overrides, problem):
    assert problems_of(overrides) == [f"<command line>: {problem}"]


@pytest.mark.parametrize(
    "overrides",
    [
        ["training.steps=3", "training.steps=3"],
        ["training={steps: 3}", "training={seed: 1}"],
        ["training.hooks=[{type: ema}]", "training.hooks.0.decay=0.5"],
        ["training.schedule={type: poly}", "training.schedule.power=2"],
        ["model.backbone.options={}", "model.backbone.options.out_indices=[1]"],
    ],
)
def test_values_that_go_together(overrides):
    assert problems_of(overrides) == []
