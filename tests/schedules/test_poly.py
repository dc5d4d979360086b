"""Polynomial decay: its factor at chosen steps."""

import pytest

from segkit.registries import SCHEDULES


def test_it_falls_from_one_to_zero():
    poly = SCHEDULES.get("poly")()
    assert poly(0, 100) == 1
    assert poly(50, 100) == pytest.approx(0.5**0.9)
    assert poly(100, 100) == 0


def test_warm_up_rises_linearly_to_it():
    poly = SCHEDULES.get("poly")(power=1.0, warmup_steps=10, warmup_factor=0.1)
    assert poly(0, 100) == pytest.approx(0.1)
    assert poly(5, 100) == pytest.approx(0.95 * 0.55)
    assert poly(10, 100) == pytest.approx(0.9)


def test_the_backbone_follows_the_head():
    """It waits during the warm-up of the head, and warms up then; both decay with the step."""
    poly = SCHEDULES.get("poly")(power=1.0, warmup_steps=10, warmup_factor=0.0, backbone_warmup_steps=20)
    expected = {0: (0.0, 0.0), 5: (0.0, 0.475), 10: (0.0, 0.9), 20: (0.4, 0.8), 30: (0.7, 0.7), 50: (0.5, 0.5)}
    for step, (backbone, head) in expected.items():
        assert poly(step, 100) == pytest.approx({"backbone": backbone, "head": head})
