"""Step decay: its factor at chosen steps."""

import pytest

from segkit.registries import SCHEDULES

MultiStep = SCHEDULES.get("multi_step")


def test_it_falls_at_each_milestone():
    schedule = MultiStep(milestones=[60, 80], gamma=0.5)
    assert [schedule(step, 100) for step in (0, 59, 60, 79, 80, 99)] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_milestones_in_any_order():
    assert [MultiStep(milestones=[8, 6])(step, 10) for step in (5, 6, 8)] == pytest.approx([1, 0.1, 0.01])


def test_warm_up_rises_linearly_to_it():
    schedule = MultiStep(milestones=[6], warmup_steps=8)
    assert [schedule(step, 10) for step in (0, 4, 6, 7, 8)] == pytest.approx([0, 0.5, 0.075, 0.0875, 0.1])


def test_the_backbone_follows_the_head():
    schedule = MultiStep(milestones=[6], warmup_steps=2, backbone_warmup_steps=8)
    assert schedule(1, 10) == {"backbone": 0.0, "head": 0.5}
    assert schedule(4, 10) == {"backbone": 0.25, "head": 1.0}
    assert schedule(6, 10) == pytest.approx({"backbone": 0.05, "head": 0.1})
