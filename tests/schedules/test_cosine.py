"""Half a cosine: its factor at chosen steps."""

import math

import pytest

from segkit.registries import SCHEDULES


def test_it_falls_from_one_to_zero():
    cosine = SCHEDULES.get("cosine")()
    assert cosine(0, 90) == 1
    assert cosine(30, 90) == pytest.approx(0.75)
    assert cosine(45, 90) == pytest.approx(0.5)
    assert cosine(60, 90) == pytest.approx(0.25)


def test_it_may_end_above_zero():
    cosine = SCHEDULES.get("cosine")(final_factor=0.2)
    assert cosine(50, 100) == pytest.approx(0.6)
    assert cosine(99, 100) == pytest.approx(0.2 + 0.8 * (1 + math.cos(0.99 * math.pi)) / 2)


def test_the_warm_up_comes_before_it():
    cosine = SCHEDULES.get("cosine")(warmup_steps=10)
    assert [cosine(step, 110) for step in (0, 5, 10)] == pytest.approx([0.0, 0.5, 1.0])
    assert cosine(60, 110) == pytest.approx(0.5)


def test_the_backbone_follows_the_head():
    cosine = SCHEDULES.get("cosine")(warmup_steps=10, backbone_warmup_steps=100)
    assert cosine(5, 110) == pytest.approx({"backbone": 0.0, "head": 0.5})
    assert cosine(60, 110) == pytest.approx({"backbone": 0.25, "head": 0.5})


def test_a_training_within_the_warm_up():
    assert SCHEDULES.get("cosine")(warmup_steps=10)(1, 2) == pytest.approx(0.1)
